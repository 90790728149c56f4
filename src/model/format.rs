//! What a file is that is no model, told by how it begins.

/// How many of the first bytes tell.
pub(super) const START: usize = 64;

const FORMATS: [(&str, &str); 7] = [
    ("<!doctype", "an HTML page"),
    ("<html", "an HTML page"),
    ("<?xml", "an XML document"),
    ("<", "an HTML or XML document"),
    ("{", "a JSON document"),
    ("version https://git-lfs", "a Git LFS pointer, not the file it stands for"),
    ("pk\u{3}\u{4}", "a ZIP archive"),
];

/// The format of a file that begins so, if it is one that is served in the place of models.
pub(super) fn name_format(start: &[u8]) -> Option<&'static str> {
    let text = String::from_utf8_lossy(start).trim_start_matches('\u{feff}').trim_start().to_ascii_lowercase();
    FORMATS.iter().find(|(begin, _)| text.starts_with(begin)).map(|(_, what)| *what)
}
