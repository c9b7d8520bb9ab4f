//! Links of the documents: the file is there, and so is the heading.

use std::collections::HashMap;

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::Problem;
use super::tree::Tree;

pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    let documents: HashMap<&str, Document> = tree.texts(".md").map(|(p, t)| (p, Document::read(t))).collect();
    let mut problems = Vec::new();
    for (path, document) in &documents {
        for (target, line) in &document.links {
            problems
                .extend(wrong(tree, &documents, path, target).map(|what| Problem::new(path, *line, what)));
        }
    }
    problems
}

/// A document's links with their lines, and the anchors of its headings.
#[derive(Debug, Default)]
struct Document {
    links: Vec<(String, usize)>,
    anchors: Vec<String>,
}

impl Document {
    fn read(text: &str) -> Document {
        let mut document = Document::default();
        let mut heading: Option<String> = None;
        for (event, at) in Parser::new_ext(text, Options::ENABLE_TABLES).into_offset_iter() {
            match event {
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    let line = text[..at.start].lines().count().max(1);
                    let starts_line = at.start > 0 && text[..at.start].ends_with('\n');
                    document.links.push((dest_url.to_string(), line + usize::from(starts_line)));
                }
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::End(TagEnd::Heading(_)) => document.anchors.extend(heading.take().map(|h| anchor(&h))),
                Event::Text(words) | Event::Code(words) => {
                    if let Some(heading) = &mut heading {
                        heading.push_str(&words);
                    }
                }
                _ => {}
            }
        }
        document
    }
}

/// A heading as a link names it: lower case, spaces as hyphens, no other punctuation.
fn anchor(heading: &str) -> String {
    let keep = |c: char| match c {
        ' ' => Some('-'),
        '-' | '_' => Some(c),
        c if c.is_alphanumeric() => Some(c),
        _ => None,
    };
    heading.to_lowercase().chars().filter_map(keep).collect()
}

fn wrong(tree: &Tree, documents: &HashMap<&str, Document>, from: &str, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (file, heading) = target.split_once('#').map_or((target, None), |(f, h)| (f, Some(h)));
    let path = if file.is_empty() { Some(from.to_owned()) } else { resolve(from, file) };
    let Some(path) = path.filter(|p| tree.has(p)) else {
        return Some(format!("links to {target:?}, which is not there: mend the link or write the page"));
    };
    let (heading, document) = (heading?, documents.get(path.as_str())?);
    let found = document.anchors.iter().any(|a| a == heading);
    (!found).then(|| format!("links to {target:?}, but {path} has no such heading: mend the link"))
}

/// A relative link as a path from the root; `None` where it leaves the project.
fn resolve(from: &str, link: &str) -> Option<String> {
    let mut parts: Vec<&str> = if link.starts_with('/') { Vec::new() } else { from.split('/').collect() };
    parts.pop();
    for part in link.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<(usize, String)> {
        let tree = Tree::of(&[
            ("docs/a.md", text),
            ("docs/b.md", "# The life of a `dollar`, told\n"),
            ("README.md", "# Bursar\n"),
        ]);
        check(&tree).into_iter().map(|p| (p.line, p.what)).collect()
    }

    #[test]
    fn a_link_to_a_page_that_is_not_there_is_told_with_its_line() {
        let told = problems("First.\n\n[gone](c.md) and [here](b.md)\n\nText [gone](../docs/c.md).\n");
        assert_eq!(told.iter().map(|t| t.0).collect::<Vec<_>>(), [3, 5]);
        assert!(told[0].1.contains("\"c.md\", which is not there"), "{told:?}");
    }

    #[test]
    fn links_to_files_folders_headings_and_the_web_resolve() {
        let text = "# A b\n[1](b.md) [2](../README.md) [3](../docs) [4](#a-b) [5](b.md#the-life-of-a-dollar-told) [6](https://x.y/z)\n";
        assert_eq!(problems(text), []);
    }

    #[test]
    fn a_link_to_a_heading_that_is_not_there_is_told() {
        assert!(problems("[x](b.md#the-death)\n")[0].1.contains("has no such heading"));
    }

    #[test]
    fn a_link_out_of_the_project_is_told() {
        assert_eq!(problems("[x](../../shared/a.md)\n").len(), 1);
    }

    #[test]
    fn what_stands_in_a_code_block_is_no_link() {
        assert_eq!(problems("```\n[x](gone.md)\n```\n`[x](gone.md)`\n"), []);
    }
}
