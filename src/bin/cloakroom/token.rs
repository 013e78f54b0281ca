//! The access token, from a file or the environment. It is never on the command line, which others can read.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use cloakroom::protocol::AccessToken;
use zeroize::Zeroizing;

use super::failure::Failure;
use super::say::Say;

const VARIABLE: &str = "CLOAKROOM_TOKEN";

/// The size limit of an access token, in bytes. Real ones are shorter than 1 KiB.
const MAX_BYTES: usize = 16 * 1024;

/// The reason why a text is not an access token. It does not contain the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum NoToken {
    #[error("it is empty")]
    Empty,
    #[error("it is longer than {} KiB", MAX_BYTES / 1024)]
    TooLong,
    #[error("it is not UTF-8 text")]
    NotText,
    #[error("the token is in quotes")]
    Quotes,
    #[error("it begins with 'Bearer'")]
    Bearer,
    #[error("it is JSON")]
    Json,
    #[error("expected one word of ASCII characters")]
    NotOneWord,
}

impl NoToken {
    /// Returns a hint for the user.
    fn hint(self) -> &'static str {
        match self {
            Self::Quotes => "remove the quotes: store only the token there",
            Self::Bearer => "remove everything before the token",
            Self::Json => "keep only the value of \"access_token\", without quotes",
            Self::NotText => "save only the token, as plain text in UTF-8",
            Self::Empty | Self::TooLong | Self::NotOneWord => {
                "store the access token there, and nothing else"
            }
        }
    }
}

/// Reads the token from `file`, or from the environment if there is no file. All later messages hide the
/// token.
pub fn read(file: Option<&Path>, say: &Say) -> Result<AccessToken, Failure> {
    let (bytes, place) = match file {
        Some(path) => (read_file(path, say)?, format!("the token file {}", path.display())),
        None => (read_variable(), format!("the environment variable {VARIABLE}")),
    };
    if file.is_none() && bytes.trim_ascii().is_empty() {
        let hint = "save it in a file that only you can read and pass --token-file, or set CLOAKROOM_TOKEN";
        return Err(Failure::usage("no access token given", hint));
    }
    let token = parse(&bytes)
        .map_err(|why| Failure::usage(format!("{place} does not hold an access token: {why}"), why.hint()))?;
    say.hide(&token);
    Ok(token)
}

/// Hides the token of the environment in messages. A usage error repeats arguments, which may contain it.
pub fn hide_variable(say: &Say) {
    if let Ok(token) = parse(&read_variable()) {
        say.hide(&token);
    }
}

/// Reads a token, which may have white space around it.
fn parse(bytes: &[u8]) -> Result<AccessToken, NoToken> {
    if bytes.len() > MAX_BYTES {
        return Err(NoToken::TooLong);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| NoToken::NotText)?.trim();
    let is_quote =
        |char: char| "\"'`\u{ab}\u{bb}".contains(char) || ('\u{2018}'..='\u{201f}').contains(&char);
    let starts_with =
        |word: &str| text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
    if text.starts_with(['{', '[']) {
        return Err(NoToken::Json);
    }
    if text.starts_with(is_quote) || text.ends_with(is_quote) {
        return Err(NoToken::Quotes);
    }
    if starts_with("Bearer ") || starts_with("Authorization:") {
        return Err(NoToken::Bearer);
    }
    // These characters are safe in a header. The tokens of real homeservers have no others.
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(NoToken::NotOneWord);
    }
    AccessToken::new(text).ok_or(NoToken::Empty)
}

/// Reads the variable. Our copy is wiped, but the environment stays readable to this user while we run.
fn read_variable() -> Zeroizing<Vec<u8>> {
    Zeroizing::new(std::env::var_os(VARIABLE).unwrap_or_default().into_encoded_bytes())
}

/// Reads a file, up to one byte more than a token may have.
fn read_file(path: &Path, say: &Say) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let cannot = |error: std::io::Error| {
        let what = format!("cannot read the token file {}: {error}", path.display());
        Failure::usage(what, "--token-file names a text file that holds only the access token")
    };
    let file = File::open(path).map_err(cannot)?;
    warn_if_others_can_read(&file, path, say);
    // A buffer that grows would leave copies of the token in freed memory, so it has its full size now.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_BYTES + 64));
    file.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(cannot)?;
    Ok(bytes)
}

#[cfg(unix)]
fn warn_if_others_can_read(file: &File, path: &Path, say: &Say) {
    use std::os::unix::fs::PermissionsExt as _;
    const GROUP_OR_OTHERS: u32 = 0o077;
    let open = |metadata: std::fs::Metadata| {
        metadata.is_file() && metadata.permissions().mode() & GROUP_OR_OTHERS != 0
    };
    if file.metadata().is_ok_and(open) {
        let path = path.display();
        say.note(format_args!("warning: other users can read the access token; run: chmod 600 {path}"));
    }
}

#[cfg(not(unix))]
fn warn_if_others_can_read(_file: &File, _path: &Path, _say: &Say) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_one_word() {
        for text in ["syt_x", "syt_x\n", "  syt_x\r\n", "a'b", "mat_x-._~+/="] {
            assert_eq!(parse(text.as_bytes()).unwrap().expose(), text.trim());
        }
        let longest = "x".repeat(MAX_BYTES);
        assert_eq!(parse(longest.as_bytes()).unwrap().expose(), longest);
    }

    #[test]
    fn other_texts_are_refused() {
        for (text, why) in [
            ("", NoToken::Empty),
            (" \n", NoToken::Empty),
            (&"x".repeat(MAX_BYTES + 1), NoToken::TooLong),
            ("\"syt_x\"\n", NoToken::Quotes),
            ("'syt_x'", NoToken::Quotes),
            ("\u{201c}syt_x\u{201d}", NoToken::Quotes),
            ("\"syt_x", NoToken::Quotes),
            ("Bearer syt_x", NoToken::Bearer),
            ("authorization: bearer syt_x", NoToken::Bearer),
            ("{\"access_token\":\"syt_x\"}", NoToken::Json),
            ("two words", NoToken::NotOneWord),
            ("t\u{f6}ken", NoToken::NotOneWord),
        ] {
            assert_eq!(parse(text.as_bytes()), Err(why), "{text:.40}");
        }
        // PowerShell writes UTF-16.
        assert_eq!(parse(b"\xff\xfes\0y\0t\0"), Err(NoToken::NotText));
    }
}
