//! The access token: from a file or the environment, never from the command line.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use cloakroom::protocol::AccessToken;
use zeroize::Zeroizing;

use super::failure::Failure;
use super::say::Say;

const VARIABLE: &str = "CLOAKROOM_TOKEN";

/// Access tokens are below 1 KiB; a larger file is another file.
const MAX_FILE_BYTES: u64 = 16 * 1024;

/// Reads the token from `file`, or from the environment where no file is given. Nothing that is said
/// from then on shows it.
pub fn read(file: Option<&Path>, say: &Say) -> Result<AccessToken, Failure> {
    let (text, place) = match file {
        Some(path) => (read_file(path, say)?, path.display().to_string()),
        None => (read_variable(), VARIABLE.to_owned()),
    };
    let text = text.trim();
    if text.is_empty() && file.is_none() {
        let hint = "put it into a file that only you can read and give --token-file, or set CLOAKROOM_TOKEN";
        return Err(Failure::usage("no access token", hint));
    }
    // What fits into a header without a question; tokens of real homeservers do.
    let token = text.bytes().all(|byte| byte.is_ascii_graphic()).then(|| AccessToken::new(text)).flatten();
    let token = token.ok_or_else(|| {
        let what = format!("{place} does not hold an access token: expected one word of ASCII characters");
        Failure::usage(what, "the file holds the token and nothing else")
    })?;
    say.hide(&token);
    Ok(token)
}

/// Hides the token of the environment before the arguments are understood: a usage error repeats them.
pub fn hide_variable(say: &Say) {
    if let Some(token) = AccessToken::new(read_variable().trim()) {
        say.hide(&token);
    }
}

fn read_variable() -> Zeroizing<String> {
    let value = std::env::var_os(VARIABLE).unwrap_or_default();
    // Not Unicode is not a token either: any space makes the check above say so.
    Zeroizing::new(value.into_string().unwrap_or_else(|_| "- -".to_owned()))
}

fn read_file(path: &Path, say: &Say) -> Result<Zeroizing<String>, Failure> {
    let cannot = |error: std::io::Error| {
        let what = format!("cannot read the token file {}: {error}", path.display());
        Failure::usage(what, "it is a text file that holds the access token and nothing else")
    };
    let file = File::open(path).map_err(cannot)?;
    warn_if_others_can_read(&file, path, say);
    let mut text = Zeroizing::new(String::new());
    file.take(MAX_FILE_BYTES).read_to_string(&mut text).map_err(cannot)?;
    Ok(text)
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
        say.note(format_args!("warning: other users may read the access token: chmod 600 {path}"));
    }
}

#[cfg(not(unix))]
fn warn_if_others_can_read(_file: &File, _path: &Path, _say: &Say) {}
