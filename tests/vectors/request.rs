//! Vectors of requests: identifiers, paths, opting in, ranges (`cases-request.mjs`).

use cloakroom::protocol::{
    Endpoint, MediaRequest, MxcUri, OptIn, OptInKind, PlainReason, Query, Requested, Route, SessionId,
    SessionOptIn, Variant,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Outcome, header_map, specification, with_some};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MxcInput {
    uri: String,
}

pub fn mxc(input: &MxcInput) -> Result<Outcome, String> {
    let Ok(uri) = MxcUri::parse(&input.uri) else { return Ok(("refused", Value::Null)) };
    if uri.to_string() != input.uri {
        return Err(format!("the URI is written back as {uri}"));
    }
    let output = json!({ "server_name": uri.server_name.as_str(), "media_id": uri.media_id.as_str() });
    Ok(("success", output))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MediaRequestInput {
    path: String,
    query: String,
}

pub fn media_request(input: &MediaRequestInput) -> Outcome {
    let Route::Media(path) = Route::of(&input.path) else { return ("other", Value::Null) };
    let request = match MediaRequest::parse(path, &Query::parse(&input.query)) {
        Ok(request) => request,
        Err(error) => return ("refused", json!({ "status": 400, "errcode": error.errcode() })),
    };
    let variant = match &request.object.variant {
        Variant::Original => json!("original"),
        Variant::Thumbnail(thumbnail) => with_some(
            json!({ "width": thumbnail.width, "height": thumbnail.height }),
            [
                ("method", thumbnail.method.map(|method| json!(method.as_str()))),
                ("animated", thumbnail.animated.map(Value::Bool)),
            ],
        ),
    };
    let object = &request.object;
    let output = json!({
        "server_name": object.server_name.as_str(), "media_id": object.media_id.as_str(), "variant": variant,
    });
    let file_name = request.file_name.map(|name| json!(name.as_str()));
    let legacy = (request.endpoint == Endpoint::Legacy)
        .then(|| json!({ "allow_remote": request.allow_remote, "allow_redirect": request.allow_redirect }));
    ("success", with_some(output, [("file_name", file_name), ("legacy", legacy)]))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OptInInput {
    query: String,
}

pub fn opt_in(input: &OptInInput) -> Outcome {
    let opt_in = match OptInKind::from_query(&Query::parse(&input.query)) {
        Ok(None) => return ("not_opted_in", Value::Null),
        Err(reason) => return ("served_plainly", json!({ "plain": reason.as_str() })),
        Ok(Some(opt_in)) => opt_in,
    };
    let output = match opt_in {
        OptInKind::Answer(OptIn { delivery, alg, verbatim }) => {
            json!({ "delivery": delivery.as_str(), "alg": alg.as_str(), "verbatim": verbatim })
        }
        OptInKind::Session(SessionOptIn { session, alg }) => {
            let session = session.map(SessionId::to_text);
            json!({ "delivery": "session", "alg": alg.as_str(), "session": session })
        }
    };
    ("opted_in", output)
}

/// Checks that the specification lists the reasons that this crate gives, in their order, and no others.
pub fn reasons_are_listed() -> Result<(), String> {
    let text = specification()?;
    let rows = text.lines().skip_while(|line| !line.starts_with("| reason | why |")).skip(2);
    let words = rows.map_while(|row| row.strip_prefix("| `")?.split_once('`'));
    let listed: Vec<&str> = words.map(|(word, _)| word).collect();
    let given = PlainReason::ALL.map(PlainReason::as_str);
    if listed == given { Ok(()) } else { Err(format!("listed are {listed:?}, given {given:?}")) }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RangeInput {
    range: Option<String>,
    size: u64,
}

pub fn range(input: &RangeInput) -> Result<Outcome, String> {
    let range = input.range.iter().map(|range| ("range".to_owned(), json!(range))).collect();
    Ok(match Requested::from_headers(&header_map(&range)?, input.size) {
        Requested::Whole => ("whole", json!({ "length": input.size })),
        Requested::Part(part) => {
            let content_range = part.to_content_range(input.size);
            ("part", json!({ "content_range": content_range, "length": part.length() }))
        }
        Requested::Unsatisfiable => ("unsatisfiable", Value::Null),
    })
}
