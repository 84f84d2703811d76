//! What a path names: `/v1/users/{userId}` and `/v1/users/{userId}/campaigns/{campaignKey}`.
//!
//! Split by hand and decoded after splitting, so that any legal id works: `a/b` as `a%2Fb`, `.` as it is.
use crate::failure::{Failure, Result};
use percent_encoding::percent_decode_str;
use std::borrow::Cow;

/// A user, or a user's place in a campaign.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Place<'a> {
    /// `userId`.
    User(Cow<'a, str>),
    /// `userId` and `campaignKey`.
    Assignment(Cow<'a, str>, Cow<'a, str>),
}

impl<'a> Place<'a> {
    /// What `path` names; `None` if it is the path of something else.
    pub(crate) fn parse(path: &'a str) -> Result<Option<Self>> {
        let Some(rest) = path.strip_prefix("/v1/users/") else { return Ok(None) };
        let mut parts = rest.split('/');
        let place = (parts.next(), parts.next(), parts.next(), parts.next());
        Ok(match place {
            (Some(user), None, ..) => Some(Self::User(decode("userId", user)?)),
            (Some(user), Some("campaigns"), Some(campaign), None) => {
                Some(Self::Assignment(decode("userId", user)?, decode("campaignKey", campaign)?))
            }
            _ => None,
        })
    }
}

/// `text` without its percent escapes, each of which must be one, and which together must be UTF-8.
pub(crate) fn decode<'a>(field: &'static str, text: &'a str) -> Result<Cow<'a, str>> {
    if !text.contains('%') {
        return Ok(text.into());
    }
    let mut escapes = text.split('%').skip(1);
    if !escapes.all(|after| after.len() >= 2 && after.bytes().take(2).all(|byte| byte.is_ascii_hexdigit())) {
        return Err(Failure::invalid(field, format!("{field} has a % that is not followed by two hexadecimal digits")));
    }
    let text = percent_decode_str(text).decode_utf8();
    text.map_err(|_| Failure::invalid(field, format!("{field} must be UTF-8")))
}

#[cfg(test)]
mod tests {
    use super::{Place, decode};

    #[test]
    fn a_path_is_split_before_it_is_decoded() {
        let place = Place::parse("/v1/users/a%2Fcampaigns/campaigns/%252F").expect("legal");
        assert_eq!(place, Some(Place::Assignment("a/campaigns".into(), "%2F".into())));
        assert_eq!(Place::parse("/v1/users/..").expect("legal"), Some(Place::User("..".into())));
    }

    #[test]
    fn a_path_with_a_part_too_many_names_nothing() {
        for path in
            ["/v1/users/a/", "/v1/users/a/campaigns", "/v1/users/a/campaigns/b/", "/v1/users/a/goals/b", "/v1/get"]
        {
            assert_eq!(Place::parse(path).expect("legal"), None, "{path}");
        }
    }

    #[test]
    fn bad_escapes_are_refused() {
        for text in ["%", "a%2", "%zz", "%+1", "%FF", "%C3", "%é1"] {
            assert!(decode("userId", text).is_err(), "{text}");
        }
    }
}
