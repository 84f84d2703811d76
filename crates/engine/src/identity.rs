//! The id under which VWO's servers know a user: a UUID that anybody with the account id can compute.
use uuid::Uuid;

/// The user's UUID in an account: version 5, upper case, without dashes.
pub fn vwo_uuid(account: &str, user: &str) -> String {
    user_uuid(&account_namespace(account), user)
}

/// What the UUIDs of an account's users are derived from.
pub(crate) fn account_namespace(account: &str) -> Uuid {
    let vwo = Uuid::new_v5(&Uuid::NAMESPACE_URL, b"https://vwo.com");
    Uuid::new_v5(&vwo, account.as_bytes())
}

pub(crate) fn user_uuid(namespace: &Uuid, user: &str) -> String {
    format!("{:X}", Uuid::new_v5(namespace, user.as_bytes()).simple())
}
