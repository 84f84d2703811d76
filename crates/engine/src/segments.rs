//! The segmentation language: who a campaign is for, or whom a variation is forced on.
//!
//! A node is an object of which only the first key counts. Everything is evaluated, nothing is cut short, because
//! one damaged part makes the whole expression false. Compiled once when settings are read.
mod operand;
mod pattern;

use crate::{
    js::{self, Thrown},
    json::{Json, Object},
};
use operand::Operand;

/// A compiled expression.
#[derive(Debug)]
pub struct Segments(Option<Node>);

/// What an expression asks about: variables that the caller gave, and who the user is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Variables<'a> {
    own: Option<&'a Object>,
    user: Option<&'a str>,
}

#[derive(Debug)]
enum Node {
    And(Vec<Node>),
    Or(Vec<Node>),
    Not(Box<Node>),
    Variable { name: String, operand: Box<Operand> },
    User(Vec<String>),
    Unknown,
    Throws(Thrown),
}

/// A variable's value.
#[derive(Clone, Copy)]
enum Tag<'a> {
    Json(&'a Json),
    Text(&'a str),
}

const USER: &str = "_vwoUserId";

impl Segments {
    /// Compiles an expression; what cannot be expressed is added to `problems`.
    pub fn compile(dsl: &Json, problems: &mut Vec<String>) -> Self {
        match dsl {
            Json::Object(object) if !object.is_empty() => Self(Some(compile(Some(dsl), problems))),
            _ => Self(None),
        }
    }
    /// Whether it says anything; if not, everybody matches.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }
    /// Whether somebody with these variables matches.
    pub fn matches(&self, variables: Variables<'_>) -> bool {
        self.0.as_ref().is_none_or(|node| evaluate(node, variables).unwrap_or(false))
    }
}

impl<'a> Variables<'a> {
    /// Only what the caller gave.
    pub fn custom(own: Option<&'a Object>) -> Self {
        Self { own, user: None }
    }
    /// What the caller gave, and the user's id, which the caller cannot replace.
    pub fn targeting(own: Option<&'a Object>, user: &'a str) -> Self {
        Self { own, user: Some(user) }
    }

    fn get(self, name: &str) -> Result<Option<Tag<'a>>, Thrown> {
        let Some(own) = self.own else { return Ok(self.user.filter(|_| name == USER).map(Tag::Text)) };
        let has = js::object_has_own(own, name)?;
        Ok(match self.user {
            Some(user) if name == USER => Some(Tag::Text(user)),
            Some(_) if name == "__proto__" => None, // copying the variables turns it into a prototype
            _ if has => own.get(name).map(Tag::Json),
            _ => None,
        })
    }
    fn user(self) -> Option<&'a str> {
        self.user.or_else(|| self.own?.get(USER)?.as_str())
    }
}

fn compile(dsl: Option<&Json>, problems: &mut Vec<String>) -> Node {
    let (operator, part) = match js::first_entry(dsl) {
        Ok(entry) => entry,
        Err(thrown) => return Node::Throws(thrown),
    };
    match (operator.as_str(), &part) {
        ("and" | "or", Json::Null) => Node::Throws(Thrown("and, or: the list is null")),
        ("and", list) => Node::And(compile_all(list, problems)),
        ("or", list) => Node::Or(compile_all(list, problems)),
        ("not", part) => Node::Not(Box::new(compile(Some(part), problems))),
        ("custom_variable", part) => match js::first_entry(Some(part)) {
            Ok((name, pattern)) => Node::Variable { operand: Box::new(Operand::compile(pattern, problems)), name },
            Err(thrown) => Node::Throws(thrown),
        },
        ("user", Json::String(users)) => Node::User(users.split(',').map(|user| js::trim(user).to_owned()).collect()),
        ("user", _) => Node::Throws(Thrown("user: the list is no text")),
        _ => Node::Unknown,
    }
}

fn compile_all(list: &Json, problems: &mut Vec<String>) -> Vec<Node> {
    js::elements(list).iter().map(|element| compile(element.as_deref(), problems)).collect()
}

fn evaluate(node: &Node, variables: Variables<'_>) -> Result<bool, Thrown> {
    Ok(match node {
        Node::And(nodes) => {
            let mut all = true;
            for node in nodes {
                all &= evaluate(node, variables)?;
            }
            all
        }
        Node::Or(nodes) => {
            let mut any = false;
            for node in nodes {
                any |= evaluate(node, variables)?;
            }
            any
        }
        Node::Not(node) => !evaluate(node, variables)?,
        Node::Variable { name, operand } => match variables.get(name)? {
            Some(Tag::Text(text)) => operand.matches(Some(text)),
            Some(Tag::Json(Json::String(text))) => operand.matches(Some(text)),
            Some(Tag::Json(Json::Null)) => operand.matches(None),
            Some(Tag::Json(value)) => operand.matches(Some(&js::text(value)?)),
            None => Ok(false),
        }?,
        Node::User(users) => variables.user().is_some_and(|user| users.iter().any(|listed| listed == user)),
        Node::Unknown => false,
        Node::Throws(thrown) => return Err(*thrown),
    })
}
