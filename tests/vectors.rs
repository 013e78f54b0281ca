//! Runs the test vectors of the specification (`spec/vectors/`) against this crate.
//!
//! Each kind of vector has one function. It takes the input and returns this crate's values for `expect` and
//! `output`, which the harness compares with those in the file.
//!
//! Each file is a separate test: `cargo test --test vectors answer/good` runs one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use cloakroom::cipher::{Algorithm, Key};
use http::{HeaderMap, HeaderName, HeaderValue};
use libtest_mimic::{Arguments, Trial};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

#[path = "vectors/cipher.rs"]
mod cipher;
#[path = "vectors/client.rs"]
mod client;
#[path = "vectors/homeserver.rs"]
mod homeserver;
#[path = "vectors/request.rs"]
mod request;
#[path = "vectors/server.rs"]
mod server;

/// The content of a file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Vector {
    kind: String,
    comment: String,
    expect: String,
    /// Another word that is right too, without an output.
    or: Option<String>,
    input: Value,
    #[serde(default)]
    output: Value,
}

/// The result of an input: the value for `expect`, and the one for `output` (`null` if there is none).
type Outcome = (&'static str, Value);

/// Runs one test for each file, named `kind/case`, and two tests of the set of files.
fn main() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("spec/vectors");
    let folders: Vec<PathBuf> = sorted(&root).into_iter().filter(|path| path.is_dir()).collect();
    let files: Vec<PathBuf> = folders.iter().flat_map(|folder| sorted(folder)).collect();
    let vectors = files.into_iter().map(|file| {
        let name = file.strip_prefix(&root).unwrap_or(&file).with_extension("").display().to_string();
        Trial::test(name, move || Ok(check(&file)?))
    });
    let others = [
        Trial::test("every_folder_holds_vectors", move || Ok(all_hold_vectors(&folders)?)),
        Trial::test("the_example_of_the_specification_is_a_vector", || Ok(client::example_is_a_vector()?)),
        Trial::test("the_specification_lists_the_reasons_for_plain_media", || {
            Ok(request::reasons_are_listed()?)
        }),
    ];
    let tests = vectors.chain(others).collect();
    libtest_mimic::run(&Arguments::from_args(), tests).exit_code()
}

fn all_hold_vectors(folders: &[PathBuf]) -> Result<(), String> {
    if folders.is_empty() {
        return Err("spec/vectors/ has no folders".to_owned());
    }
    match folders.iter().find(|folder| sorted(folder).is_empty()) {
        Some(empty) => Err(format!("{} is empty", empty.display())),
        None => Ok(()),
    }
}

fn sorted(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

fn check(file: &Path) -> Result<(), String> {
    let text = fs::read_to_string(file).map_err(|error| error.to_string())?;
    let vector: Vector = serde_json::from_str(&text).map_err(|error| format!("not a vector: {error}"))?;
    let folder = file.parent().and_then(Path::file_name);
    if folder.is_none_or(|folder| *folder != *vector.kind) {
        return Err(format!("its kind is '{}', which is not the folder's name", vector.kind));
    }
    let (got, output) = run(&vector.kind, vector.input)?;
    if (got, &output) == (vector.expect.as_str(), &vector.output) || Some(got) == vector.or.as_deref() {
        return Ok(());
    }
    let Vector { comment, expect, output: wanted, .. } = vector;
    Err(format!("{comment}\n    expected {expect} {wanted}\n    got      {got} {output}"))
}

fn run(kind: &str, input: Value) -> Result<Outcome, String> {
    match kind {
        "answer" => client::answer(&parse(input)?),
        "cipher" => cipher::cipher(&parse(input)?),
        "download" => client::download(&parse(input)?),
        "grant" => server::grant(&parse(input)?),
        "media-config" => homeserver::media_config(&parse(input)?),
        "media-request" => Ok(request::media_request(&parse(input)?)),
        "metadata-mint" => server::metadata_mint(parse(input)?),
        "metadata-seal" => cipher::metadata_seal(&parse(input)?),
        "metadata-unseal" => cipher::metadata_unseal(&parse(input)?),
        "mxc" => request::mxc(&parse(input)?),
        "opt-in" => Ok(request::opt_in(&parse(input)?)),
        "pins" => server::pins(&parse(input)?),
        "range" => request::range(&parse(input)?),
        "session-id" => server::session_id(&parse(input)?),
        "session-key" => server::session_key(&parse(input)?),
        "redirect-token" => server::redirect_token(&parse(input)?),
        "response" => homeserver::response(&parse(input)?),
        unknown => Err(format!("the kind '{unknown}' is unknown to this test")),
    }
}

fn parse<T: DeserializeOwned>(input: Value) -> Result<T, String> {
    serde_json::from_value(input).map_err(|error| format!("its input: {error}"))
}

fn key(alg: &str, text: &str) -> Result<Key, String> {
    let alg = Algorithm::parse(alg).ok_or_else(|| format!("its algorithm '{alg}' is unknown"))?;
    Key::from_base64url(alg, text).ok_or_else(|| "its key is not 32 bytes of base64url".to_owned())
}

/// The headers, where a text is the value of one and an array holds the values of a header that comes several times.
fn header_map(headers: &Map<String, Value>) -> Result<HeaderMap, String> {
    let mut map = HeaderMap::new();
    for (name, values) in headers {
        for value in values.as_array().map_or(std::slice::from_ref(values), Vec::as_slice) {
            let value = value.as_str().and_then(|value| HeaderValue::from_str(value).ok());
            let name = HeaderName::from_bytes(name.as_bytes()).ok();
            let (name, value) = name.zip(value).ok_or_else(|| format!("not a header: {values}"))?;
            map.append(name, value);
        }
    }
    Ok(map)
}

/// The text of the specification.
fn specification() -> Result<String, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("spec");
    let pages = sorted(&folder).into_iter().filter(|path| path.extension().is_some_and(|end| end == "md"));
    let texts: Result<Vec<String>, _> = pages.map(fs::read_to_string).collect();
    texts.map(|texts| texts.concat()).map_err(|error| error.to_string())
}

/// Returns the object with the members that have a value.
fn with_some<const N: usize>(mut object: Value, members: [(&str, Option<Value>); N]) -> Value {
    for (name, value) in members {
        if let (Some(value), Some(object)) = (value, object.as_object_mut()) {
            object.insert(name.to_owned(), value);
        }
    }
    object
}

fn to_value(json: &str) -> Result<Value, String> {
    serde_json::from_str(json).map_err(|error| error.to_string())
}

fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|half| char::from_digit(half.into(), 16))
        .collect()
}

fn unhex(text: &str) -> Result<Vec<u8>, String> {
    let byte = |index| text.get(index..index + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok());
    (0..text.len()).step_by(2).map(|index| byte(index).ok_or_else(|| "not hex".to_owned())).collect()
}
