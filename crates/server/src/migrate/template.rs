//! How somebody else's keys name a user and a campaign: `{campaign}:{user}`.

/// Text around `{user}` and, in either order, `{campaign}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Template {
    spelled: String,
    before: String,
    first: Part,
    /// What stands between the two, and the second.
    second: Option<(String, Part)>,
    after: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    User,
    Campaign,
}

/// What a key says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Named<'a> {
    /// It is not of this layout.
    Nothing,
    /// One user, and one campaign if the layout has it.
    One(&'a str, Option<&'a str>),
    /// More than one reading is possible.
    Several,
}

impl Template {
    /// Reads what people write.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let Some((before, first, rest)) = part(text) else {
            return Err(
                "a template names {user} and, if the values do not, {campaign}, such as {campaign}:{user}".into()
            );
        };
        let (second, after) = match part(rest) {
            None => (None, rest),
            Some((between, second, after)) => (Some((between.to_owned(), second)), after),
        };
        let has_user = first == Part::User || second.as_ref().is_some_and(|(_, second)| *second == Part::User);
        match &second {
            _ if !has_user => return Err("a template must name {user}".into()),
            Some((_, second)) if *second == first => {
                return Err("a template names each of {user} and {campaign} once".into());
            }
            Some((between, _)) if between.is_empty() => {
                return Err("something must stand between {user} and {campaign}, or nobody can tell them apart".into());
            }
            _ if part(after).is_some() => return Err("a template names each of {user} and {campaign} once".into()),
            _ => {}
        }
        let (spelled, before, after) = (text.to_owned(), before.to_owned(), after.to_owned());
        Ok(Self { spelled, before, first, second, after })
    }
    /// The key of this user and campaign.
    pub(crate) fn key(&self, user: &str, campaign: &str) -> String {
        let text = |part: Part| if part == Part::User { user } else { campaign };
        let second = self.second.as_ref().map_or(["", ""], |(between, second)| [between.as_str(), text(*second)]);
        [&self.before, text(self.first), second[0], second[1], &self.after].concat()
    }
    /// Whom and what `key` names.
    pub(crate) fn read<'a>(&self, key: &'a str) -> Named<'a> {
        let inner = key.strip_prefix(self.before.as_str()).and_then(|rest| rest.strip_suffix(self.after.as_str()));
        let Some(inner) = inner.filter(|inner| !inner.is_empty()) else { return Named::Nothing };
        let Some((between, second)) = &self.second else { return Named::One(inner, None) };
        let step = between.chars().next().map_or(1, char::len_utf8);
        let (mut found, mut from) = (None, 0);
        // Readings may overlap, as those of `:::` do.
        while let Some(at) = inner.get(from..).and_then(|rest| rest.find(between.as_str())).map(|at| at + from) {
            let (left, right) =
                (inner.get(..at).unwrap_or_default(), inner.get(at + between.len()..).unwrap_or_default());
            if !left.is_empty() && !right.is_empty() {
                if found.is_some() {
                    return Named::Several;
                }
                found = Some((left, right));
            }
            from = at + step;
        }
        match found {
            None => Named::Nothing,
            Some((left, right)) if *second == Part::User => Named::One(right, Some(left)),
            Some((left, right)) => Named::One(left, Some(right)),
        }
    }
}

impl std::fmt::Display for Template {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.spelled)
    }
}

/// The text before the next part, the part, and the text behind it.
fn part(text: &str) -> Option<(&str, Part, &str)> {
    const NAMES: [(&str, Part); 2] = [("{user}", Part::User), ("{campaign}", Part::Campaign)];
    let (at, name, part) =
        NAMES.iter().filter_map(|(name, part)| Some((text.find(name)?, name, part))).min_by_key(|it| it.0)?;
    Some((text.get(..at)?, *part, text.get(at + name.len()..)?))
}

#[cfg(test)]
mod tests {
    use super::{Named, Template};

    fn template(text: &str) -> Template {
        Template::parse(text).expect("legal")
    }

    #[test]
    fn a_key_is_read_as_it_was_spelled_or_told_to_be_ambiguous() {
        let (python, other) = (template("{campaign}:{user}"), template("vwo/{user}/{campaign}/x"));
        assert_eq!(python.read("c:u"), Named::One("u", Some("c")));
        assert_eq!(python.read(&python.key("ü", "é")), Named::One("ü", Some("é")));
        assert_eq!(other.read(&other.key("u", "c")), Named::One("u", Some("c")));
        for ambiguous in ["c:u:v", "c::u"] {
            assert_eq!(python.read(ambiguous), Named::Several, "{ambiguous}");
        }
        assert_eq!(python.read(":::"), Named::One(":", Some(":")), "neither may be empty");
        for foreign in ["", "c", "c:", ":u", ":"] {
            assert_eq!(python.read(foreign), Named::Nothing, "{foreign}");
        }
        assert_eq!(other.read("vwo/u/c"), Named::Nothing);
        assert_eq!(template("{user}").read("u:1"), Named::One("u:1", None));
    }

    #[test]
    fn a_template_that_cannot_be_read_back_is_refused() {
        for wrong in ["", "user", "{campaign}", "{user}{campaign}", "{user}:{user}", "{user}:{campaign}:{user}"] {
            Template::parse(wrong).expect_err(wrong);
        }
    }
}
