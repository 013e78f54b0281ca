//! Vectors of answers and downloads (`cases-answer.mjs`, `cases-download.mjs`).

use std::fs;
use std::path::Path;

use cloakroom::client::{Body, BodyError, RangeRequest};
use cloakroom::protocol::{
    Algorithm, Answer, AnswerError, Delivery, MetadataError, OptIn, Protection, WebOrigin,
};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Outcome, header_map, hex, parse, sha256, specification, to_value, unhex, with_some};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnswerInput {
    edge: String,
    verbatim: bool,
    body: String,
}

/// What the client of these vectors asks for.
fn opt_in(verbatim: bool) -> OptIn {
    OptIn { delivery: Delivery::Json, alg: Algorithm::ChaCha20, verbatim }
}

pub fn answer(input: &AnswerInput) -> Result<Outcome, String> {
    // `parse` refuses every insecure edge.
    let Some(edge) = WebOrigin::parse(&input.edge) else { return Ok(("insecure_url", Value::Null)) };
    let word = match Answer::from_json(input.body.as_bytes(), &edge, &opt_in(input.verbatim)) {
        Ok(answer) => return Ok(("success", to_value(&answer.to_json())?)),
        Err(AnswerError::Malformed) => "malformed",
        Err(AnswerError::ForeignUrl) => "foreign_url",
        Err(AnswerError::UnknownAlgorithm) => "unknown_algorithm",
        Err(AnswerError::UnexpectedNone) => "unexpected_none",
        Err(AnswerError::Key) => "key",
    };
    Ok((word, Value::Null))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DownloadInput {
    edge: String,
    answer: String,
    range: Option<String>,
    status: u16,
    headers: Map<String, Value>,
    body: String,
}

pub fn download(input: &DownloadInput) -> Result<Outcome, String> {
    let edge = WebOrigin::parse(&input.edge).ok_or("its edge is not a secure web origin")?;
    let answer =
        Answer::from_json(input.answer.as_bytes(), &edge, &opt_in(true)).map_err(|e| e.to_string())?;
    let headers = header_map(&input.headers)?;
    let status = StatusCode::from_u16(input.status).map_err(|error| error.to_string())?;
    let range =
        input.range.as_deref().map(|range| range.trim_start_matches("bytes=").parse::<RangeRequest>());
    let range = range.transpose().map_err(|error| error.to_string())?;
    let (metadata, range) = (&answer.metadata, range.as_ref());
    let open = || match &answer.protection {
        Protection::Encrypted(key) => Body::encrypted(status, &headers, key, metadata, range),
        Protection::None => Body::verbatim(status, &headers, metadata, range),
    };
    let ciphertext = unhex(&input.body)?;
    let (mut outcomes, mut released) = (Vec::new(), Vec::new());
    for chunk in [ciphertext.len(), 1, 64, 100] {
        released.clear();
        let received = open().and_then(|mut body| {
            for piece in ciphertext.clone().chunks_mut(chunk.max(1)) {
                let shown = body.push(piece)?;
                released.extend_from_slice(piece.get(shown).unwrap_or_default());
            }
            body.finish()
        });
        let word = match received {
            Ok(()) => "success",
            Err(BodyError::OtherLink { .. }) => "other_link",
            Err(BodyError::NoMetadata) => "no_metadata",
            Err(BodyError::Metadata(MetadataError::Malformed)) => "malformed_metadata",
            Err(BodyError::Metadata(MetadataError::WrongKey)) => "wrong_key",
            Err(BodyError::OtherMetadata) => "other_metadata",
            Err(BodyError::OtherSize { .. } | BodyError::MalformedLength) => "other_size",
            Err(BodyError::OtherRange) => "other_range",
            Err(BodyError::Encoded) => "encoded",
            Err(BodyError::Truncated { .. }) => "truncated",
            Err(BodyError::Surplus { .. }) => "surplus",
            Err(BodyError::BeyondEnd { .. }) => "unsatisfiable",
            Err(error) => return Err(error.to_string()),
        };
        // The released part of a surplus body depends on the chunks.
        if word == "surplus" {
            outcomes.push((word, Value::Null));
            continue;
        }
        let plaintext = (word == "success").then(|| String::from_utf8_lossy(&released).into_owned());
        let digest = Value::String(sha256(&released));
        let output = [("plaintext", plaintext.map(Value::String)), ("released_sha256", Some(digest))];
        outcomes.push((word, with_some(json!({}), output)));
    }
    outcomes.dedup();
    match outcomes.len() {
        1 => outcomes.pop().ok_or_else(String::new),
        _ => Err("it depends on how the body is cut into chunks".to_owned()),
    }
}

/// Checks that the specification's worked example has the bytes of a vector, which the other tests check.
pub fn example_is_a_vector() -> Result<(), String> {
    let text = specification()?;
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("spec/vectors/download/whole.json");
    let vector = to_value(&fs::read_to_string(file).map_err(|error| error.to_string())?)?;
    let input: DownloadInput = parse(vector.get("input").cloned().unwrap_or_default())?;
    let sealed = input.headers.get("org-matrix-msc4097-metadata").and_then(Value::as_str);
    let sealed = sealed.and_then(|sealed| sealed.get(..64)).ok_or("the vector has no sealed metadata")?;
    let plaintext = vector.pointer("/output/plaintext").and_then(Value::as_str);
    let plaintext = plaintext.ok_or("the vector has no plaintext")?;
    for printed in [&input.answer, &input.body, sealed, &hex(plaintext.as_bytes()), plaintext.trim()] {
        if !text.contains(printed) {
            return Err(format!("no page of spec/ prints {printed}"));
        }
    }
    Ok(())
}
