//! What the rules need to know of a Rust file, from its tokens. Tokens and not syntax, so that functions inside
//! a macro's braces (`proptest! { … }`) are seen like any others.

use std::iter::Peekable;

use proc_macro2::{Delimiter, Group, Span, TokenStream, TokenTree};

use super::Problem;
use super::tree::Tree;

/// A Rust file's facts.
#[derive(Debug)]
pub(super) struct RustFile {
    pub(super) path: String,
    pub(super) functions: Vec<Function>,
    pub(super) attributes: Vec<Attribute>,
    /// Names followed by `!`.
    pub(super) macros: Vec<Spotted>,
    /// Every other name, and every literal.
    pub(super) names: Vec<Spotted>,
    pub(super) literals: Vec<Spotted>,
}

/// A function with a body.
#[derive(Debug)]
pub(super) struct Function {
    pub(super) name: String,
    pub(super) line: usize,
    /// From `fn` to the closing brace, both lines counted.
    pub(super) lines: usize,
    pub(super) is_test: bool,
}

/// An attribute, such as `expect(dead_code)`.
#[derive(Debug)]
pub(super) struct Attribute {
    /// Its name without a path: `test` of `tokio::test`.
    pub(super) name: String,
    /// What stands in its parentheses or after its equals sign.
    pub(super) content: String,
    pub(super) line: usize,
}

/// A word and its line.
#[derive(Debug)]
pub(super) struct Spotted {
    pub(super) word: String,
    pub(super) line: usize,
}

type Tokens = Peekable<proc_macro2::token_stream::IntoIter>;

impl RustFile {
    /// Reads every Rust file; those that are no Rust are problems.
    pub(super) fn all(tree: &Tree) -> (Vec<RustFile>, Vec<Problem>) {
        let (mut files, mut problems) = (Vec::new(), Vec::new());
        for (path, text) in tree.texts(".rs") {
            match text.parse::<TokenStream>() {
                Ok(tokens) => files.push(RustFile::of(path, tokens)),
                Err(error) => {
                    let line = error.span().start().line;
                    problems.push(Problem::new(path, line, format!("is not Rust: {error}")));
                }
            }
        }
        (files, problems)
    }

    fn of(path: &str, tokens: TokenStream) -> RustFile {
        let mut file = RustFile {
            path: path.to_owned(),
            functions: Vec::new(),
            attributes: Vec::new(),
            macros: Vec::new(),
            names: Vec::new(),
            literals: Vec::new(),
        };
        file.walk(tokens);
        file
    }

    fn walk(&mut self, tokens: TokenStream) {
        let mut tokens = tokens.into_iter().peekable();
        // A function that waits for its body, and whether a test attribute stands before what comes next.
        let mut open: Option<(String, Span, bool)> = None;
        let mut test = false;
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Punct(p) if p.as_char() == '#' => {
                    test |= self.attribute(&mut tokens).is_some_and(|name| name == "test");
                }
                TokenTree::Punct(p) => {
                    if p.as_char() == ';' {
                        (open, test) = (None, false);
                    }
                }
                TokenTree::Ident(ident) if ident == "fn" => {
                    if let Some(TokenTree::Ident(name)) = tokens.peek() {
                        open = Some((name.to_string(), ident.span(), test));
                    }
                }
                TokenTree::Ident(ident) => {
                    let spotted = Spotted { word: ident.to_string(), line: line(ident.span()) };
                    let is_macro = matches!(tokens.peek(), Some(TokenTree::Punct(p)) if p.as_char() == '!');
                    if is_macro { self.macros.push(spotted) } else { self.names.push(spotted) }
                }
                TokenTree::Literal(literal) => {
                    self.literals.push(Spotted { word: literal.to_string(), line: line(literal.span()) });
                }
                TokenTree::Group(group) => {
                    if group.delimiter() == Delimiter::Brace {
                        if let Some((name, start, is_test)) = open.take() {
                            self.functions.push(Function::new(name, start, is_test, &group));
                        }
                        test = false;
                    }
                    self.walk(group.stream());
                }
            }
        }
    }

    /// Reads the attribute after a `#`, and gives its name.
    fn attribute(&mut self, tokens: &mut Tokens) -> Option<String> {
        if matches!(tokens.peek(), Some(TokenTree::Punct(p)) if p.as_char() == '!') {
            tokens.next();
        }
        let Some(TokenTree::Group(group)) = tokens.peek() else { return None };
        if group.delimiter() != Delimiter::Bracket {
            return None;
        }
        let (mut name, mut content) = (String::new(), String::new());
        for token in group.stream() {
            match token {
                TokenTree::Ident(ident) if content.is_empty() => name = ident.to_string(),
                TokenTree::Punct(p) if p.as_char() == ':' => {}
                other => content.push_str(&other.to_string()),
            }
        }
        self.attributes.push(Attribute { name: name.clone(), content, line: line(group.span()) });
        tokens.next();
        Some(name)
    }
}

impl Function {
    fn new(name: String, start: Span, is_test: bool, body: &Group) -> Function {
        let (from, to) = (line(start), line(body.span_close()));
        Function { name, line: from, lines: to + 1 - from, is_test }
    }
}

fn line(span: Span) -> usize {
    span.start().line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> RustFile {
        RustFile::of("a.rs", text.parse().unwrap())
    }

    #[test]
    fn a_function_is_counted_from_fn_to_its_closing_brace() {
        let file = read("/// Doc.\n#[must_use]\npub fn a(\n    b: u8,\n) -> u8 {\n    b\n}\n");
        let a = &file.functions[0];
        assert_eq!((a.name.as_str(), a.line, a.lines, a.is_test), ("a", 3, 5, false));
    }

    #[test]
    fn functions_inside_a_macro_are_seen() {
        let file = read(
            "proptest! {\n    #[test]\n    fn any_x_is_y(x in 0..3u8) {\n        let _ = x;\n    }\n}\n",
        );
        assert_eq!((file.functions[0].lines, file.functions[0].is_test), (3, true));
    }

    #[test]
    fn a_trait_method_without_a_body_and_a_function_pointer_are_no_functions() {
        let file = read("trait A { fn a(&self); }\nstruct B(fn(u8) -> u8);\nconst C: u8 = { 1 };\n");
        assert!(file.functions.is_empty());
    }

    #[test]
    fn a_test_attribute_counts_for_the_next_function_only() {
        let file = read("#[tokio::test]\nasync fn a() {}\nfn b() {}\n");
        assert_eq!(file.functions.iter().map(|f| f.is_test).collect::<Vec<_>>(), [true, false]);
    }

    #[test]
    fn words_in_comments_and_texts_are_no_names() {
        let file = read("// f64 todo!()\nconst A: &str = \"f64\";\n");
        assert!(file.macros.is_empty());
        assert!(file.names.iter().all(|n| n.word != "f64"));
    }
}
