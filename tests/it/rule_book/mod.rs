//! The rule book, `docs/spec`: every citation of it names a section that exists, and no file names a document that is not in the
//! repository.

mod book;
mod citations;
mod documents;
mod reader;

use book::Book;
use std::path::{Path, PathBuf};

/// What is read, below the root of the repository.
const READ: [&str; 16] = [
    "src",
    "tests",
    "docs",
    "helm",
    "openapi",
    "benches",
    "scripts",
    "conformance",
    ".ci",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "README.md",
    "SECURITY.md",
    "Cargo.toml",
    "Dockerfile",
    "clippy.toml",
];
/// Made by tools, and full of names of files elsewhere.
const MADE: [&str; 4] = ["target", "node_modules", "package-lock.json", "go.sum"];
/// This test itself, whose samples are wrong on purpose.
const OURSELVES: &str = "tests/it/rule_book";
/// A reader that finds fewer citations than this has stopped reading.
const LEAST: [(&str, usize); 3] = [("decisions.md", 150), ("wire.md", 100), ("fhir.md", 25)];

/// One file of the repository.
struct File {
    /// From the root, with `/` between.
    path: String,
    text: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files() -> Vec<File> {
    let mut files = Vec::new();
    for name in READ {
        collect(&root().join(name), &mut files);
    }
    files
}

/// Every text below `path`. Names that begin with a dot are tools' own.
fn collect(path: &Path, files: &mut Vec<File>) {
    let relative = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
    if relative.starts_with(OURSELVES) {
        return;
    }
    if !path.is_dir() {
        files.extend(std::fs::read_to_string(path).ok().map(|text| File { path: relative, text }));
        return;
    }
    let mut inside: Vec<PathBuf> = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
    inside.sort();
    for path in inside {
        let name = path.file_name().unwrap().to_str().unwrap();
        if !name.starts_with('.') && !MADE.contains(&name) {
            collect(&path, files);
        }
    }
}

fn rule_book() -> Book {
    Book::read(|document| std::fs::read_to_string(root().join("docs/spec").join(document)).unwrap())
}

#[test]
fn every_citation_of_the_rule_book_names_a_section_that_exists() {
    let book = rule_book();
    let mut wrong = Vec::new();
    let mut found = LEAST.map(|(document, _)| (document, 0));
    for file in files() {
        for citation in citations::of(&file.path, &file.text) {
            for (document, count) in &mut found {
                *count += usize::from(*document == citation.document);
            }
            let missing = citation.parts.iter().filter(|part| !book.has(citation.document, part));
            wrong.extend(missing.map(|part| format!("{}:{}: {} has no {part}", file.path, citation.line, citation.document)));
        }
    }
    assert!(wrong.is_empty(), "citations of what does not exist:\n{}", wrong.join("\n"));
    for ((document, found), (_, least)) in found.into_iter().zip(LEAST) {
        assert!(found >= least, "only {found} citations of {document} were found");
    }
}

#[test]
fn no_document_is_named_that_is_not_in_the_repository() {
    let mut wrong = Vec::new();
    let mut found = 0;
    for file in files() {
        for named in documents::named_in(&file.text) {
            found += 1;
            if !documents::exists(root(), &file.path, &named) {
                wrong.push(format!("{}:{}: {}", file.path, named.line, named.name));
            }
        }
    }
    assert!(wrong.is_empty(), "documents that are not in the repository:\n{}", wrong.join("\n"));
    assert!(found >= 500, "only {found} names of documents were found");
}

#[test]
fn every_number_of_the_rule_book_stands_once() {
    let book = rule_book();
    for document in book::DOCUMENTS {
        let mut numbers = book.numbers(document);
        numbers.sort();
        let doubled: Vec<_> = numbers.windows(2).filter(|two| two[0] == two[1]).map(|two| &two[0]).collect();
        assert!(doubled.is_empty(), "{document} has these numbers twice: {doubled:?}");
    }
    let missing: Vec<_> = (1..=67).map(|n: u32| n.to_string()).filter(|n| !book.numbers("decisions.md").contains(n)).collect();
    assert!(missing.is_empty(), "decisions.md lacks {missing:?}");
}
