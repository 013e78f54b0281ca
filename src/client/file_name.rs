//! The file name of a download if its user gives none (`spec/msc4097.md`, section 9.10).

use super::safe_text::is_showable;
use crate::protocol::{Disposition, FileName, MediaId};

/// The length limit of a name, in bytes. The limit of file systems is 255, and temporary names are longer.
const MAX_NAME_BYTES: usize = 200;

/// Device names of Windows. No file can have such a name there, with or without an extension
/// (learn.microsoft.com, "Naming Files, Paths, and Namespaces").
const RESERVED: [&str; 6] = ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"];
/// Device names that end in one digit. To Windows, the superscript digits of Latin-1 are digits too.
const RESERVED_NUMBERED: [&str; 2] = ["COM", "LPT"];

/// Returns a file name for media, from the `Content-Disposition` or, without one, the media id.
///
/// The uploader chose the name in the header, so it is reduced to a name that is safe in any folder, script
/// or terminal: not a path, a hidden file or an option, and without characters that control a terminal or
/// change the direction of text.
pub fn safe_file_name(content_disposition: Option<&str>, media_id: &MediaId) -> String {
    let given = content_disposition.and_then(|header| Disposition::parse(header).file_name);
    let named = given.as_ref().and_then(|name| clean(name.as_str()));
    named.or_else(|| clean(media_id.as_str())).unwrap_or_else(|| "media".to_owned())
}

fn clean(name: &str) -> Option<String> {
    let base = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let shown: String = base.chars().filter(|char| is_showable(*char)).map(replaced).collect();
    let short = FileName::new(shown.trim_start_matches(['.', ' ']))?.shortened(MAX_NAME_BYTES);
    let mut kept = short.as_str().trim_end_matches(['.', ' ']).to_owned();
    if let Some(rest) = kept.strip_prefix('-') {
        kept = format!("_{rest}");
    }
    if is_reserved(&kept) {
        kept.insert(0, '_');
    }
    (!kept.is_empty()).then_some(kept)
}

/// Replaces characters with a special meaning to some file systems or shells.
fn replaced(char: char) -> char {
    if "<>:\"|?*".contains(char) { '_' } else { char }
}

fn is_reserved(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end().to_ascii_uppercase();
    let is_digit = |char: char| char.is_ascii_digit() || matches!(char, '¹' | '²' | '³');
    let numbered = |prefix: &&str| {
        stem.strip_prefix(prefix).is_some_and(|rest| rest.chars().count() == 1 && rest.chars().all(is_digit))
    };
    RESERVED.contains(&stem.as_str()) || RESERVED_NUMBERED.iter().any(numbered)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn saved_as(disposition: &str) -> String {
        safe_file_name(Some(disposition), &MediaId::parse("AbC").unwrap())
    }

    fn named(name: &str) -> String {
        saved_as(&Disposition { inline: false, file_name: FileName::new(name) }.to_string())
    }

    #[test]
    fn ordinary_names_are_kept() {
        for name in [
            "x.png",
            "two words.tar.gz",
            "\u{2603}.png",
            "a;b.pdf",
            "console.txt",
            "com10",
            "com\u{2074}.txt",
        ] {
            assert_eq!(named(name), name);
        }
    }

    #[test]
    fn dangerous_names_are_changed() {
        for (given, saved) in [
            ("../../etc/passwd", "passwd"),
            ("C:\\Windows\\x.dll", "x.dll"),
            ("/etc/", "AbC"),
            ("..", "AbC"),
            (".bashrc", "bashrc"),
            ("-rf", "_rf"),
            ("a:b?.png", "a_b_.png"),
            ("NUL.txt", "_NUL.txt"),
            ("com1", "_com1"),
            ("COM\u{b9}.txt", "_COM\u{b9}.txt"),
            ("com\u{b2}", "_com\u{b2}"),
            ("COM\u{b3} .tar.gz", "_COM\u{b3} .tar.gz"),
            ("Lpt\u{b9}.txt", "_Lpt\u{b9}.txt"),
            ("conin$", "_conin$"),
            ("CONOUT$.log", "_CONOUT$.log"),
            ("\u{202e}gnp.exe", "gnp.exe"),
            ("dots... ", "dots"),
        ] {
            assert_eq!(named(given), saved, "{given:?}");
        }
        assert_eq!(saved_as("attachment; filename*=utf-8''%1b%5B31mred%0a"), "[31mred");
    }

    #[test]
    fn the_media_id_is_the_name_if_there_is_none() {
        assert_eq!(saved_as("inline"), "AbC");
        assert_eq!(safe_file_name(None, &MediaId::parse("-x").unwrap()), "_x");
        assert_eq!(named(&format!("{}.png", "a".repeat(400))).len(), MAX_NAME_BYTES);
    }

    proptest! {
        #[test]
        fn any_name_is_one_plain_component(name in "\\PC{1,300}") {
            let saved = named(&name);
            let path = std::path::Path::new(&saved);
            prop_assert_eq!(path.file_name().unwrap(), saved.as_str());
            prop_assert!(!saved.starts_with(['.', '-']) && !saved.contains(['/', '\\', ':']));
            prop_assert!(saved.len() <= MAX_NAME_BYTES + 1);
        }
    }
}
