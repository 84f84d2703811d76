//! The file: its keys are the long flags, and its values become their defaults, so that environment and flags win.
use clap::{
    Arg, Command,
    error::{ContextKind, ContextValue},
};
use std::{error::Error as _, ops::Range};
use toml::de::{DeTable, DeValue};

/// `command` with the values of the file `text`, called `name` in errors, as defaults of every subcommand. A file may
/// only say what `options` (those of `serve`) know.
pub(super) fn apply(mut command: Command, options: &Command, name: &str, text: &str) -> Result<Command, String> {
    let at = |span: Range<usize>| {
        let line = text.get(..span.start).unwrap_or(text).matches('\n').count() + 1;
        format!("{name}:{line}")
    };
    // Only the message: what toml shows of the line may be a password.
    let table = DeTable::parse(text)
        .map_err(|error| format!("{}: this is not TOML: {}", at(error.span().unwrap_or_default()), error.message()))?;
    for (key, value) in table.get_ref() {
        let Some(option) = known(options).find(|option| option.get_long() == Some(key.get_ref())) else {
            let all: Vec<&str> = known(options).filter_map(Arg::get_long).collect();
            let key: String = key.get_ref().chars().take(40).collect();
            let (at, all) = (at(value.span()), all.join(", "));
            return Err(format!("{at}: there is no option \"{key}\"; a file takes {all}"));
        };
        let texts = texts(value.get_ref(), option);
        let texts = texts.and_then(|texts| checked(option, &texts).map(|()| texts));
        let texts = texts.map_err(|why| format!("{}: {}: {why}", at(value.span()), key.get_ref()))?;
        let id = option.get_id().clone();
        let names: Vec<String> = command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
        for subcommand in names {
            command = command.mut_subcommand(subcommand, |sub| {
                let has = sub.get_arguments().any(|arg| *arg.get_id() == id);
                if has { sub.mut_arg(id.clone(), |arg| arg.default_values(texts.clone())) } else { sub }
            });
        }
    }
    Ok(command)
}

/// What a file may say: everything that the environment may, but where the file is.
pub(crate) fn known(options: &Command) -> impl Iterator<Item = &Arg> {
    options.get_arguments().filter(|arg| arg.get_env().is_some() && arg.get_id() != "config")
}

fn texts(value: &DeValue<'_>, option: &Arg) -> Result<Vec<String>, String> {
    let text = |value: &DeValue<'_>| match value {
        DeValue::String(text) => Ok(text.to_string()),
        DeValue::Integer(number) if number.radix() == 10 => Ok(number.as_str().to_owned()),
        _ => Err("a text or a number is needed".to_owned()),
    };
    match value {
        DeValue::Array(values) if takes_several(option) && !values.is_empty() => {
            values.iter().map(|value| text(value.get_ref())).collect()
        }
        DeValue::Array(_) if takes_several(option) => Err("at least one value is needed".to_owned()),
        one => Ok(vec![text(one)?]),
    }
}

pub(crate) fn takes_several(option: &Arg) -> bool {
    option.get_value_delimiter().is_some()
}

/// Lets the option itself read the values, so that a file is held to the same as a flag.
fn checked(option: &Arg, texts: &[String]) -> Result<(), String> {
    let flag = option.get_long().unwrap_or_default();
    let alone = Command::new("file").no_binary_name(true).arg(option.clone().env(None::<&str>));
    let arguments = texts.iter().map(|text| format!("--{flag}={text}"));
    let Err(error) = alone.try_get_matches_from(arguments) else { return Ok(()) };
    Err(match (error.source(), error.get(ContextKind::ValidValue)) {
        (Some(why), _) => why.to_string(),
        (None, Some(ContextValue::Strings(values))) => format!("one of {} is needed", values.join(", ")),
        _ => "this value is not taken".to_owned(),
    })
}
