//! Makes text from outside safe to show: on a terminal, in a log, in a message.
//!
//! Homeservers, edges, uploaders and file systems choose error texts, file names, media types, host names and
//! paths. Such a text may contain the access token, control a terminal, or be very long.

use crate::protocol::AccessToken;

/// The text that replaces the access token, or a piece of it.
const HIDDEN: &str = "[access token]";

/// The length of the shortest piece of a token that is replaced, in characters. A text may contain only a
/// piece, because it was cut. Shorter pieces reveal little, and ordinary words may contain them too.
const MIN_PIECE_CHARS: usize = 12;

/// Returns `text` as one line that is safe to show.
///
/// - Control characters, line breaks and characters that change the direction of text are dropped.
/// - At most `max_chars` characters remain; `…` marks the cut.
/// - The access token and pieces of it are replaced, in upper and lower case.
pub fn safe_text(text: &str, token: Option<&AccessToken>, max_chars: usize) -> String {
    let mut shown: Vec<char> =
        text.chars().filter(|char| is_showable(*char)).take(max_chars.saturating_add(1)).collect();
    if shown.len() > max_chars {
        shown.truncate(max_chars.saturating_sub(1));
        shown.push('…');
    }
    match token {
        Some(token) => hide(&shown, &token.expose().chars().collect::<Vec<_>>()),
        None => shown.into_iter().collect(),
    }
}

/// Returns whether a character is safe to show. Control characters and line separators are not, nor are
/// characters that change the direction of text: they can make `exe.png` look like `gnp.exe`.
pub(super) fn is_showable(char: char) -> bool {
    let separates_lines = matches!(char, '\u{2028}' | '\u{2029}');
    // Unicode's property Bidi_Control.
    let directs = matches!(char, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    !char.is_control() && !separates_lines && !directs
}

fn hide(text: &[char], token: &[char]) -> String {
    let shortest = MIN_PIECE_CHARS.min(token.len()).max(1);
    let mut shown = String::new();
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        let piece = longest_piece(rest, token);
        if piece >= shortest {
            shown.push_str(HIDDEN);
            rest = rest.get(piece..).unwrap_or_default();
        } else {
            shown.push(*first);
            rest = after;
        }
    }
    shown
}

/// Returns the length of the longest beginning of `text` that is a part of the token, in characters.
fn longest_piece(text: &[char], token: &[char]) -> usize {
    let common = |tail: &[char]| {
        text.iter().zip(tail).take_while(|(one, other)| one.eq_ignore_ascii_case(other)).count()
    };
    (0..token.len()).filter_map(|start| token.get(start..)).map(common).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TOKEN: &str = "syt_YWxpY2U_abcdefghijklmnopqrst_0123AB";

    fn shown(text: &str) -> String {
        safe_text(text, AccessToken::new(TOKEN).as_ref(), 80)
    }

    #[test]
    fn the_token_is_replaced_everywhere() {
        for (text, safe) in [
            (TOKEN.to_owned(), HIDDEN.to_owned()),
            (format!("no user has '{TOKEN}'"), format!("no user has '{HIDDEN}'")),
            // In lower case, as in a host name; and with invisible characters inside.
            (TOKEN.to_lowercase(), HIDDEN.to_owned()),
            (TOKEN.replace("abc", "a\u{1b}b\u{202e}c"), HIDDEN.to_owned()),
            // Cut at either end.
            (format!("x {}", &TOKEN[..20]), format!("x {HIDDEN}")),
            (TOKEN[8..].to_owned(), HIDDEN.to_owned()),
            (format!("{TOKEN}{TOKEN}"), format!("{HIDDEN}{HIDDEN}")),
            ("the alphabet: abcdefghijk".to_owned(), "the alphabet: abcdefghijk".to_owned()),
        ] {
            assert_eq!(shown(&text), safe, "{text}");
        }
        // The limit cuts the token.
        assert_eq!(shown(&format!("{}{TOKEN}", "x".repeat(50))), format!("{}{HIDDEN}…", "x".repeat(50)));
        let short = AccessToken::new("abc");
        assert_eq!(safe_text("an abc, and ab", short.as_ref(), 60), format!("an {HIDDEN}, and ab"));
    }

    #[test]
    fn control_characters_are_dropped() {
        assert_eq!(shown("Not for\u{1b}[31m you\r\n\u{9b}1m\u{7}\u{8}"), "Not for[31m you1m");
        assert_eq!(shown("\u{202e}gnp.exe\u{2066}\u{200f}\u{61c}\u{2028}"), "gnp.exe");
        assert_eq!(
            shown("na\u{ef}ve \u{444}\u{43e}\u{442}\u{43e} \u{5d0}"),
            "na\u{ef}ve \u{444}\u{43e}\u{442}\u{43e} \u{5d0}"
        );
    }

    #[test]
    fn the_length_is_limited_in_characters() {
        assert_eq!(shown(&"\u{444}".repeat(80)), "\u{444}".repeat(80));
        assert_eq!(shown(&"\u{444}".repeat(81)), format!("{}…", "\u{444}".repeat(79)));
    }

    proptest! {
        #[test]
        fn nothing_unsafe_remains(before in "\\PC{0,30}", after in ".{0,30}", from in 0..20usize, take in 12..40usize) {
            let piece: String = TOKEN.chars().skip(from).take(take).collect();
            let safe = safe_text(&format!("{before}{piece}{after}"), AccessToken::new(TOKEN).as_ref(), 50);
            prop_assert!(safe.chars().all(is_showable));
            let found = TOKEN.as_bytes().windows(MIN_PIECE_CHARS).any(|part| safe.contains(std::str::from_utf8(part).unwrap()));
            prop_assert!(!found, "{}", safe);
        }
    }
}
