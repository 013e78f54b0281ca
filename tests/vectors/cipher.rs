//! Vectors of the cipher and of sealed metadata (`cases-cipher.mjs`).

use cloakroom::cipher::{Key, Keystream};
use cloakroom::protocol::{Metadata, MetadataError};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Outcome, hex, key, sha256, to_value, unhex};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CipherInput {
    alg: String,
    key: String,
    stream: String,
    offset: u64,
    data: Option<String>,
    zeros: Option<usize>,
}

pub fn cipher(input: &CipherInput) -> Result<Outcome, String> {
    let key = key(&input.alg, &input.key)?;
    let data = match (&input.data, input.zeros) {
        (Some(data), None) => unhex(data)?,
        (None, Some(zeros)) => vec![0; zeros],
        _ => return Err("its input: one of data and zeros".to_owned()),
    };
    // The result must not depend on the chunks: whole, byte by byte, and across blocks.
    let whole = apply(&key, input, &data, data.len())?;
    for chunk in [1, 3, 64, 100, 1000] {
        let chunked = apply(&key, input, &data, chunk)?;
        if whole.is_some() && chunked != whole {
            return Err(format!("in chunks of {chunk} bytes it gives other bytes than whole"));
        }
    }
    Ok(match whole {
        None => ("end", json!({ "released_sha256": sha256(&[]) })),
        Some(bytes) if input.data.is_none() => ("success", json!({ "released_sha256": sha256(&bytes) })),
        Some(bytes) => ("success", json!({ "data": hex(&bytes), "released_sha256": sha256(&bytes) })),
    })
}

/// Applies the keystream to the data. Returns `None` beyond its end, where it must leave the data unchanged.
fn apply(key: &Key, input: &CipherInput, data: &[u8], chunk: usize) -> Result<Option<Vec<u8>>, String> {
    let mut stream = match input.stream.as_str() {
        "body" => Keystream::body(key),
        "metadata" => Keystream::metadata(key),
        other => return Err(format!("its input: the stream '{other}' is unknown")),
    };
    let mut bytes = data.to_vec();
    let mut applied = stream.seek(input.offset);
    for piece in bytes.chunks_mut(chunk.max(1)) {
        let before = piece.to_vec();
        applied = applied.and_then(|()| stream.apply(piece));
        if applied.is_err() && before != piece {
            return Err("at the end of the keystream data was changed".to_owned());
        }
    }
    Ok(applied.ok().map(|()| bytes))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetadataSealInput {
    alg: String,
    key: String,
    json: String,
}

pub fn metadata_seal(input: &MetadataSealInput) -> Result<Outcome, String> {
    Ok(match Metadata::seal(&input.json, &key(&input.alg, &input.key)?) {
        None => ("too_long", Value::Null),
        Some(sealed) => ("success", json!({ "sealed": sealed.to_str().map_err(|error| error.to_string())? })),
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetadataUnsealInput {
    alg: String,
    key: String,
    sealed: String,
}

pub fn metadata_unseal(input: &MetadataUnsealInput) -> Result<Outcome, String> {
    Ok(match Metadata::unseal(&input.sealed, &key(&input.alg, &input.key)?) {
        Ok(metadata) => ("success", json!({ "metadata": to_value(&metadata.to_json())? })),
        Err(MetadataError::Malformed) => ("malformed", Value::Null),
        Err(MetadataError::WrongKey) => ("wrong_key", Value::Null),
    })
}
