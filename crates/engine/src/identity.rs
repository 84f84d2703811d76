//! The id under which VWO's servers know a user: a UUID that anybody with the account id can compute.
use uuid::Uuid;

/// The user's UUID in an account: version 5, upper case, without dashes.
pub fn vwo_uuid(account: &str, user: &str) -> String {
    let vwo = Uuid::new_v5(&Uuid::NAMESPACE_URL, b"https://vwo.com");
    let account = Uuid::new_v5(&vwo, account.as_bytes());
    let id = Uuid::new_v5(&account, user.as_bytes());
    format!("{:X}", id.simple())
}
