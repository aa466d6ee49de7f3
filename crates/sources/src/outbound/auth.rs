//! Who asks: a secret that lies in a file and is read anew for each call, so that it may be exchanged at any time.

use std::path::{Path, PathBuf};

use reqwest::header::HeaderValue;
use tokio::io::AsyncReadExt;
use zeroize::Zeroizing;

use super::OutboundError;

/// Tokens have some 1 to 4 KiB; what is larger is another file.
const MAX_SECRET: u64 = 64 * 1024;

/// What is sent to show who asks. Holds paths only; secrets are never kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Auth {
    /// Nothing.
    #[default]
    None,
    /// `Authorization: Bearer …` with the text of a file.
    Bearer {
        /// Where the token lies.
        token_file: PathBuf,
    },
    /// `Authorization: Basic …`.
    Basic {
        /// Name of the user.
        user: String,
        /// Where the password lies.
        password_file: PathBuf,
    },
}

impl Auth {
    pub(super) async fn header(&self) -> Result<Option<HeaderValue>, OutboundError> {
        let (file, text) = match self {
            Self::None => return Ok(None),
            Self::Bearer { token_file } => {
                let token = read(token_file).await?;
                (token_file, Zeroizing::new(format!("Bearer {}", token.as_str())))
            }
            Self::Basic { user, password_file } => {
                let password = read(password_file).await?;
                let pair = Zeroizing::new(format!("{user}:{}", password.as_str()));
                (
                    password_file,
                    Zeroizing::new(format!("Basic {}", base64(pair.as_bytes()))),
                )
            }
        };
        let mut value = HeaderValue::from_str(&text).map_err(|_| {
            OutboundError::Secret(file.clone(), "it holds what no header may hold".to_owned())
        })?;
        value.set_sensitive(true);
        Ok(Some(value))
    }
}

/// The text of a secret without the line end that editors put behind it.
async fn read(file: &Path) -> Result<Zeroizing<String>, OutboundError> {
    let failed = |reason: String| OutboundError::Secret(file.to_owned(), reason);
    let mut text = Zeroizing::new(String::new());
    let open = tokio::fs::File::open(file)
        .await
        .map_err(|error| failed(error.to_string()))?;
    open.take(MAX_SECRET)
        .read_to_string(&mut text)
        .await
        .map_err(|error| failed(error.to_string()))?;
    let end = text.trim_end().len();
    text.truncate(end);
    if text.is_empty() {
        return Err(failed("it is empty".to_owned()));
    }
    Ok(text)
}

/// RFC 4648 with padding.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let word = three
            .iter()
            .enumerate()
            .fold(0u32, |word, (i, byte)| word | u32::from(*byte) << (16 - 8 * i));
        for i in 0..4 {
            let digit = ALPHABET[(word >> (18 - 6 * i)) as usize & 63];
            text.push(if i <= three.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_secret_is_read_from_its_file_each_time() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        let bearer = Auth::Bearer {
            token_file: file.clone(),
        };
        let missing = bearer.header().await.unwrap_err().to_string();
        assert!(missing.contains("token"), "{missing}");
        for token in ["one", "two"] {
            std::fs::write(&file, format!("{token}\n")).unwrap();
            let value = bearer.header().await.unwrap().unwrap();
            assert_eq!(value.to_str().unwrap(), format!("Bearer {token}"));
            assert!(!format!("{value:?}").contains(token), "a secret shows in a log");
        }
        let basic = Auth::Basic {
            user: "me".into(),
            password_file: file.clone(),
        };
        assert_eq!(
            basic.header().await.unwrap().unwrap().to_str().unwrap(),
            "Basic bWU6dHdv"
        );
        std::fs::write(&file, "\n").unwrap();
        assert!(basic.header().await.is_err());
    }

    #[test]
    fn base64_pads() {
        for (text, expect) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
        ] {
            assert_eq!(base64(text.as_bytes()), expect);
        }
    }
}
