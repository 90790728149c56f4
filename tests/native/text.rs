//! Operators on strings; what is expected is what onnxruntime gives.

use edgewise::graph::Attribute;
use edgewise::value::Value;

use crate::ml::{call, strings, tensor, text, texts};

fn run(domain: &str, op: &str, attributes: &[(&str, Attribute)], inputs: Vec<Value>) -> Vec<Value> {
    call(domain, op, 20, attributes, inputs).unwrap()
}

fn words(dims: &[usize], words: &[&str]) -> Value {
    tensor::<String>(dims, &words.iter().map(|word| word.to_string()).collect::<Vec<_>>())
}

#[test]
fn stop_words_go_and_letters_change() {
    let attributes = |is_exact| {
        [
            ("stopwords", texts(&["the"])),
            ("case_change_action", text("UPPER")),
            ("is_case_sensitive", Attribute::Int(is_exact)),
        ]
    };
    let input = || vec![strings(&["The", "Straße", "the"])];
    assert_eq!(run("ai.onnx", "StringNormalizer", &attributes(0), input())[0], strings(&["STRAßE"]));
    assert_eq!(run("ai.onnx", "StringNormalizer", &attributes(1), input())[0], strings(&["THE", "STRAßE"]));
    let nothing = &run("ai.onnx", "StringNormalizer", &attributes(1), vec![words(&[1, 1], &["the"])])[0];
    assert_eq!(*nothing, words(&[1, 1], &[""]));
}

#[test]
fn strings_are_split_and_joined() {
    let input = || vec![strings(&["a b  c", "", " d "])];
    let outputs = run("ai.onnx", "StringSplit", &[("maxsplit", Attribute::Int(1))], input());
    assert_eq!(outputs[0], words(&[3, 2], &["a", "b  c", "", "", "d", ""]));
    assert_eq!(outputs[1], tensor(&[3], &[2i64, 0, 1]));
    let outputs = run("ai.onnx", "StringSplit", &[("delimiter", text(" "))], input());
    assert_eq!(outputs[1], tensor(&[3], &[4i64, 0, 3]));
    let joined = &run("ai.onnx", "StringConcat", &[], vec![words(&[2, 1], &["a", "b"]), strings(&["x", "y"])])[0];
    assert_eq!(*joined, words(&[2, 2], &["ax", "ay", "bx", "by"]));
}

#[test]
fn patterns_match_whole_strings() {
    let pattern = [("pattern", text(r"www\.[\w.-]+\.\bcom\b"))];
    let found = &run("ai.onnx", "RegexFullMatch", &pattern, vec![strings(&["www.a-b.com", "www.a.comx"])])[0];
    assert_eq!(*found, tensor(&[2], &[true, false]));
}

#[test]
fn texts_become_tokens() {
    let base = |mark| [("mark", Attribute::Int(mark)), ("mincharnum", Attribute::Int(2)), ("pad_value", text("#"))];
    let run = |mark, rule: (&str, Attribute), inputs| {
        let attributes: Vec<_> = base(mark).into_iter().chain([rule]).collect();
        run("com.microsoft", "Tokenizer", &attributes, inputs).swap_remove(0)
    };
    let input = || vec![strings(&["a bb,ccc", "dd"])];
    assert_eq!(run(0, ("tokenexp", text("[a-z]+")), input()), words(&[2, 2], &["bb", "ccc", "dd", "#"]));
    let expected = ["\u{2}", "bb", "ccc", "\u{3}", "\u{2}", "dd", "\u{3}", "#"];
    assert_eq!(run(1, ("separators", texts(&[",", " "])), input()), words(&[2, 4], &expected));
}

#[test]
fn grams_are_counted_with_skips() {
    let attributes = |mode: &str| {
        [
            ("mode", text(mode)),
            ("min_gram_length", Attribute::Int(1)),
            ("max_gram_length", Attribute::Int(2)),
            ("max_skip_count", Attribute::Int(1)),
            ("ngram_counts", Attribute::Ints(vec![0, 2])),
            ("ngram_indexes", Attribute::Ints(vec![1, 2, 0])),
            ("pool_int64s", Attribute::Ints(vec![5, 6, 5, 6])),
            ("weights", Attribute::Floats(vec![0.5, 2.0, 3.0])),
        ]
    };
    let input = || vec![tensor(&[2, 4], &[5i64, 6, 5, 6, 5, 7, 6, 7])];
    for (mode, expected) in [
        ("TF", [2f32, 2.0, 2.0, 1.0, 1.0, 1.0]),
        ("IDF", [3.0, 0.5, 2.0, 3.0, 0.5, 2.0]),
        ("TFIDF", [6.0, 1.0, 4.0, 3.0, 0.5, 2.0]),
    ] {
        assert_eq!(
            run("ai.onnx", "TfIdfVectorizer", &attributes(mode), input())[0],
            tensor(&[2, 3], &expected),
            "{mode}"
        );
    }
}

#[test]
fn elements_are_hashed() {
    let hash = |seed, input| {
        let attributes = [("seed", Attribute::Int(seed)), ("positive", Attribute::Int(0))];
        run("com.microsoft", "MurmurHash3", &attributes, vec![input]).remove(0)
    };
    let input = strings(&["", "a", "ab", "abc", "abcd", "żółty kot"]);
    let expected = [142593372, -1293573533, -684913081, 1313807976, -396302900, 2012323726];
    assert_eq!(hash(42, input), tensor::<i32>(&[6], &expected));
    assert_eq!(hash(0, tensor(&[2], &[0i32, -5])), tensor(&[2], &[593689054, 1637461840]));
    assert_eq!(hash(42, tensor(&[1], &[1.5f64])), tensor(&[1], &[1290763749]));
    let positive = run("com.microsoft", "MurmurHash3", &[], vec![strings(&["ab"])]).remove(0);
    assert_eq!(positive, tensor(&[1], &[2613040991u32]));
}
