//! The rules' own text, from `nft -s -a list ruleset`: each ends in its handle.

use std::collections::HashMap;

use super::ChainId;

/// Text by chain and handle.
pub(super) type Texts = HashMap<(ChainId, u64), String>;

pub(super) fn by_handle(text: &str) -> Texts {
    let mut texts = Texts::new();
    let mut table = (String::new(), String::new());
    let mut chain = None;
    for line in text.lines() {
        let line = line.trim();
        let Some((said, handle)) = line.rsplit_once(" # handle ") else {
            if line == "}" {
                chain = None;
            }
            continue;
        };
        let words: Vec<&str> = said.split(' ').collect();
        match words.as_slice() {
            ["table", family, name, "{"] => table = ((*family).to_owned(), (*name).to_owned()),
            ["chain", name, "{"] => {
                chain = Some(ChainId {
                    family: table.0.clone(),
                    table: table.1.clone(),
                    name: (*name).to_owned(),
                });
            }
            _ => {
                if let (Some(chain), Ok(handle)) = (&chain, handle.parse()) {
                    texts.insert((chain.clone(), handle), said.to_owned());
                }
            }
        }
    }
    texts
}
