//! What can go wrong between browser and server.

use vigla_api::Problem;

/// Why a call has no answer to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ClientError {
    /// The server cannot be reached.
    Offline,
    /// It did not answer in time.
    Timeout,
    /// Nobody is logged in.
    Unauthenticated(Problem),
    /// The reader may not see it.
    Forbidden(Problem),
    /// There is no such thing.
    NotFound(Problem),
    /// The server has no data yet.
    NotReady(Problem),
    /// The question was wrong.
    Invalid(Problem),
    /// It has changed meanwhile.
    Conflict(Problem),
    /// The server failed, or said what this version does not understand.
    Server(Problem),
}

impl ClientError {
    /// Reads an answer that is not a success.
    pub(crate) fn of_answer(status: u16, body: &str) -> Self {
        let problem = serde_json::from_str(body).unwrap_or_else(|_| Problem {
            code: String::new(),
            title: format!("the server answered {status}"),
            status,
            // A proxy between us may answer with a page of its own; its text helps nobody.
            detail:
                "The answer was not one of Vigla's. Something between browser and server may have given it."
                    .to_owned(),
        });
        match status {
            401 => Self::Unauthenticated(problem),
            403 => Self::Forbidden(problem),
            404 => Self::NotFound(problem),
            409 | 412 => Self::Conflict(problem),
            503 => Self::NotReady(problem),
            400..500 => Self::Invalid(problem),
            _ => Self::Server(problem),
        }
    }

    /// An answer that is a success but cannot be read.
    pub(crate) fn unreadable(what: &str, why: impl std::fmt::Display) -> Self {
        Self::Server(Problem {
            code: "unreadable-answer".to_owned(),
            title: format!("the answer to {what} cannot be read"),
            status: 200,
            detail: format!(
                "{why}. Loading the page anew helps when the server was replaced by another version."
            ),
        })
    }

    /// One line that names what went wrong.
    pub(crate) fn title(&self) -> String {
        match self {
            Self::Offline => "The server cannot be reached".to_owned(),
            Self::Timeout => "The server does not answer".to_owned(),
            _ => self
                .problem()
                .map_or_else(String::new, |problem| capitalised(&problem.title)),
        }
    }

    /// What it means and what to do.
    pub(crate) fn detail(&self) -> String {
        match self {
            Self::Offline => {
                "It may have been stopped, or the network is down. The page asks again by itself.".to_owned()
            }
            Self::Timeout => "No answer came in time. The page asks again by itself.".to_owned(),
            _ => self
                .problem()
                .map_or_else(String::new, |problem| problem.detail.clone()),
        }
    }

    /// The server's own words, where it had some.
    pub(crate) fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Offline | Self::Timeout => None,
            Self::Unauthenticated(problem)
            | Self::Forbidden(problem)
            | Self::NotFound(problem)
            | Self::NotReady(problem)
            | Self::Invalid(problem)
            | Self::Conflict(problem)
            | Self::Server(problem) => Some(problem),
        }
    }

    /// Whether the server itself did not answer.
    pub(crate) fn is_silence(&self) -> bool {
        matches!(self, Self::Offline | Self::Timeout)
    }

    /// Whether asking again by itself can help.
    pub(crate) fn passes(&self) -> bool {
        matches!(
            self,
            Self::Offline | Self::Timeout | Self::NotReady(_) | Self::Server(_)
        )
    }
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        std::iter::once(first.to_ascii_uppercase())
            .chain(letters)
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_words_are_kept() {
        let body = r#"{"code":"unknown-parameter","title":"unknown parameter","status":400,"detail":"`x` is not one"}"#;
        let error = ClientError::of_answer(400, body);
        assert_eq!(error.title(), "Unknown parameter");
        assert_eq!(error.detail(), "`x` is not one");
        assert!(!error.passes());
    }

    #[test]
    fn foreign_answers_are_named_as_such() {
        let error = ClientError::of_answer(502, "<html>");
        assert!(matches!(error, ClientError::Server(_)) && error.passes());
        assert!(error.detail().contains("not one of Vigla's"));
    }
}
