//! What stands behind the question mark.
use crate::{
    app::App,
    failure::{Failure, Result},
    place::decode,
};
use hyper::Uri;
use stayput::{Kind, Scope};
use std::borrow::Cow;

/// Parameters, taken out one by one; one that nobody takes is an error.
#[derive(Debug)]
pub(crate) struct Query<'a>(Vec<(Cow<'a, str>, &'a str)>);

impl<'a> Query<'a> {
    /// The parameters of `uri`.
    pub(crate) fn parse(uri: &'a Uri) -> Result<Self> {
        let mut parameters = Vec::new();
        for parameter in uri.query().unwrap_or_default().split('&').filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let name = decode("query", name)?;
            if parameters.iter().any(|(given, _)| *given == name) {
                return Err(Failure::invalid(shortened(&name), format!("{} is given twice", shortened(&name))));
            }
            parameters.push((name, value));
        }
        Ok(Self(parameters))
    }
    /// `?scope=`, or the one of `app`.
    pub(crate) fn scope(&mut self, app: &App) -> Result<Scope> {
        let scope = self.take("scope")?;
        scope.map_or_else(|| Ok(app.scope.clone()), |name| Ok(Scope::new(&name)?))
    }
    /// `?kind=`, or classic.
    pub(crate) fn kind(&mut self) -> Result<Kind> {
        let Some(name) = self.take("kind")? else { return Ok(Kind::default()) };
        Kind::named(&name).ok_or_else(|| Failure::invalid("kind", "kind must be classic or fme"))
    }
    /// `?name=true`, or false.
    pub(crate) fn flag(&mut self, name: &'static str) -> Result<bool> {
        match self.take(name)?.as_deref() {
            Some("true") => Ok(true),
            None | Some("false") => Ok(false),
            Some(_) => Err(Failure::invalid(name, format!("{name} must be true or false"))),
        }
    }
    /// Whether `name` is given and not taken yet.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(given, _)| given == name)
    }
    /// Refuses parameters that nobody took.
    pub(crate) fn finish(self) -> Result<()> {
        let Some((name, _)) = self.0.first() else { return Ok(()) };
        let name = shortened(name);
        let message = format!("this route has no parameter \"{name}\"");
        Err(Failure::invalid(name, message))
    }

    fn take(&mut self, name: &'static str) -> Result<Option<String>> {
        let Some(at) = self.0.iter().position(|(given, _)| given == name) else { return Ok(None) };
        let (_, value) = self.0.swap_remove(at);
        // Clients write a space as + here, and only here.
        Ok(Some(decode(name, &value.replace('+', "%20"))?.into_owned()))
    }
}

fn shortened(name: &str) -> String {
    name.chars().take(40).collect()
}
