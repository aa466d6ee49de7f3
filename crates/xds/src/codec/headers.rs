//! Changes of headers.

use std::sync::Arc;

use envoy_types::pb::envoy::config::core::v3::{
    HeaderValue, HeaderValueOption, header_value_option::HeaderAppendAction,
};
use vigla_dataplane::HeaderEdits;

use super::{Reason, required};

/// What to add and what to remove, as Envoy's fields have it. Envoy removes first, then goes through the list.
pub(crate) fn write(edits: &HeaderEdits) -> (Vec<HeaderValueOption>, Vec<String>) {
    let set = edits
        .set
        .iter()
        .map(|(name, value)| option(name, value, HeaderAppendAction::OverwriteIfExistsOrAdd));
    let add = edits
        .add
        .iter()
        .map(|(name, value)| option(name, value, HeaderAppendAction::AppendIfExistsOrAdd));
    (
        set.chain(add).collect(),
        edits.remove.iter().map(ToString::to_string).collect(),
    )
}

/// One header to set or add. Envoy would read `%` as the start of a command; in a plan values are literal.
pub(crate) fn option(name: &str, value: &str, action: HeaderAppendAction) -> HeaderValueOption {
    HeaderValueOption {
        header: Some(HeaderValue {
            key: name.to_owned(),
            value: value.replace('%', "%%"),
            ..HeaderValue::default()
        }),
        append_action: action.into(),
        keep_empty_value: true,
        ..HeaderValueOption::default()
    }
}

pub(crate) fn read(add: &[HeaderValueOption], remove: &[String]) -> Result<HeaderEdits, Reason> {
    let mut edits = HeaderEdits {
        remove: remove.iter().map(|name| name.as_str().into()).collect(),
        ..HeaderEdits::default()
    };
    for option in add {
        let header = required(option.header.as_ref(), "a header to add")?;
        let pair = (
            Arc::from(header.key.as_str()),
            read_literal(&header.value)?.into(),
        );
        match HeaderAppendAction::try_from(option.append_action) {
            Ok(HeaderAppendAction::OverwriteIfExistsOrAdd) => edits.set.push(pair),
            Ok(HeaderAppendAction::AppendIfExistsOrAdd) => edits.add.push(pair),
            _ => {
                return Err(format!(
                    "header `{}` is added in a way that is not supported",
                    header.key
                ));
            }
        }
    }
    Ok(edits)
}

fn read_literal(value: &str) -> Result<String, Reason> {
    let literal = value.replace("%%", "");
    if literal.contains('%') {
        return Err(format!("the header value `{value}` has a command"));
    }
    Ok(value.replace("%%", "%"))
}
