//! Vectors of the server: redirect tokens, grants, pins, metadata of a grant (`cases-server.mjs`).

use cloakroom::protocol::{
    AccessToken, Algorithm, Content, Disposition, FileName, Grant, Metadata, ObjectInfo, Pins, RedirectToken,
    SessionId, SessionMaster, SessionMasters, SessionSecret,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Outcome, header_map, to_value, with_some};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RedirectTokenInput {
    text: String,
}

pub fn redirect_token(input: &RedirectTokenInput) -> Result<Outcome, String> {
    match RedirectToken::parse(&input.text) {
        Err(_) => Ok(("refused", Value::Null)),
        Ok(token) if token.as_str() == input.text => Ok(("success", Value::Null)),
        Ok(_) => Err("the token is written back as another text".to_owned()),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionKeyInput {
    secret: String,
    name: String,
    alg: String,
}

pub fn session_key(input: &SessionKeyInput) -> Result<Outcome, String> {
    let secret =
        SessionSecret::from_base64url(&input.secret).ok_or("its secret is not 32 bytes of base64url")?;
    let alg = Algorithm::parse(&input.alg).ok_or("its algorithm is unknown")?;
    Ok(("success", json!({ "key": *secret.key(alg, &input.name).to_base64url() })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionIdInput {
    master: String,
    previous: Option<String>,
    access_token: String,
    now_ms: u64,
    id: String,
}

pub fn session_id(input: &SessionIdInput) -> Result<Outcome, String> {
    let master = |text: &str| {
        let secret = SessionSecret::from_base64url(text).ok_or("its master is not 32 bytes of base64url")?;
        Ok::<_, String>(SessionMaster::from_bytes(secret.as_bytes()))
    };
    let masters = SessionMasters {
        present: master(&input.master)?,
        previous: input.previous.as_deref().map(master).transpose()?,
    };
    let token = AccessToken::new(&*input.access_token).ok_or("its access token is empty")?;
    let secret = SessionId::parse(&input.id).and_then(|id| masters.open(id, &token, input.now_ms).ok());
    Ok(match secret {
        Some(secret) => ("success", json!({ "secret": *secret.to_base64url() })),
        None => ("stale", Value::Null),
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrantInput {
    record: String,
    now_ms: u64,
}

pub fn grant(input: &GrantInput) -> Result<Outcome, String> {
    let Ok(grant) = Grant::from_json(&input.record) else { return Ok(("refused", Value::Null)) };
    if grant.is_expired(input.now_ms) {
        return Ok(("expired", Value::Null));
    }
    if to_value(&grant.to_json())? != to_value(&input.record)? {
        return Err("the grant writes another record than it was read from".to_owned());
    }
    let content = match grant.content {
        Content::Encrypted(_) => "encrypted",
        Content::Verbatim => "verbatim",
        Content::Plain => "plain",
    };
    let output = json!({ "content": content, "object": grant.object.client_path(), "size": grant.pins.size });
    Ok(("accepted", output))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PinsInput {
    pins: Pins,
    headers: Map<String, Value>,
}

pub fn pins(input: &PinsInput) -> Result<Outcome, String> {
    let info = ObjectInfo::from_headers(&header_map(&input.headers)?);
    Ok((if input.pins.check(&info).is_ok() { "same" } else { "changed" }, Value::Null))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetadataMintInput {
    size: u64,
    content_type: String,
    content_disposition: Option<String>,
    file_name: Option<String>,
}

pub fn metadata_mint(input: MetadataMintInput) -> Result<Outcome, String> {
    let MetadataMintInput { size, content_type, content_disposition, file_name } = input;
    let info = ObjectInfo { size: Some(size), content_type, content_disposition, etag: None };
    let metadata = Metadata::new(size, &info, file_name.as_deref().and_then(FileName::new).as_ref());
    if metadata.to_json().len() > 1024 {
        return Err("the metadata does not fit into 1,024 bytes".to_owned());
    }
    let disposition = metadata.content_disposition.as_deref().map(Disposition::parse);
    let disposition = disposition.ok_or("there is no content_disposition")?;
    let output = json!({ "content_type": metadata.content_type, "inline": disposition.inline });
    let Some(name) = disposition.file_name else { return Ok(("success", output)) };
    let name = name.as_str();
    // The origin decides how much of a long name it keeps, but it must keep the beginning and the extension.
    if file_name.as_deref().is_some_and(|given| given.len() > name.len()) {
        let starts: String = name.chars().take(50).collect();
        let ends: String = name.chars().rev().take(5).collect::<Vec<_>>().into_iter().rev().collect();
        let shortened = [("file_name_starts", Some(json!(starts))), ("file_name_ends", Some(json!(ends)))];
        return Ok(("success", with_some(output, shortened)));
    }
    Ok(("success", with_some(output, [("file_name", Some(json!(name)))])))
}
