//! Which kinds the API server knows, and in which version. Definitions come and go while it runs.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use serde::Deserialize;
use tokio::{sync::Notify, sync::watch, time::timeout};

use crate::{
    board::{Board, Part},
    kinds::KINDS,
    wire::{Server, WireError},
};

/// While a definition is missing, one that comes shall be seen soon: at most five small questions each time.
const MISSING: Duration = Duration::from_secs(2);
/// When all are there, only a new version of one could come.
const COMPLETE: Duration = Duration::from_secs(60);

/// Where a kind is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Served {
    /// Nobody has asked yet.
    Unknown,
    /// Nowhere.
    Nowhere,
    /// In this version.
    As(&'static str),
}

/// Where each of [`KINDS`] is served, in their order.
pub(crate) type Catalogue = Arc<Vec<Served>>;

/// Before anything was asked: what comes with every API server is there.
pub(crate) fn built_in() -> Catalogue {
    let served = KINDS.iter().map(|kind| match kind.is_built_in() {
        true => Served::As(kind.versions[0]),
        false => Served::Unknown,
    });
    Arc::new(served.collect())
}

#[derive(Deserialize)]
struct Groups {
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    name: String,
    versions: Vec<Version>,
}

#[derive(Deserialize)]
struct Version {
    version: String,
}

#[derive(Deserialize)]
struct Resources {
    resources: Vec<Resource>,
}

#[derive(Deserialize)]
struct Resource {
    name: String,
}

/// Asks again and again; at once when `doubt` says that an answer was wrong.
pub(crate) async fn run(
    server: Server,
    catalogue: watch::Sender<Catalogue>,
    doubt: Arc<Notify>,
    board: Arc<Board>,
) {
    loop {
        let pause = match ask(&server).await {
            Ok(found) => {
                let complete = found.iter().all(|served| matches!(served, Served::As(_)));
                catalogue.send_if_modified(|known| {
                    let differs = **known != found;
                    if differs {
                        *known = Arc::new(found);
                    }
                    differs
                });
                if complete { COMPLETE } else { MISSING }
            }
            Err(error) => {
                for (index, served) in catalogue.borrow().iter().enumerate() {
                    if *served == Served::Unknown {
                        board.note(
                            &Part {
                                index,
                                namespace: None,
                            },
                            error.following(),
                        );
                    }
                }
                MISSING
            }
        };
        // Doubts come in crowds, when a definition goes.
        tokio::time::sleep(Duration::from_millis(200)).await;
        let _ = timeout(pause, doubt.notified()).await;
    }
}

async fn ask(server: &Server) -> Result<Vec<Served>, WireError> {
    let groups: Groups = server.get("/apis").await?;
    let mut found = built_in().to_vec();
    let names: BTreeSet<&str> = KINDS
        .iter()
        .filter(|kind| !kind.is_built_in())
        .map(|kind| kind.group)
        .collect();
    for name in names {
        let group = groups.groups.iter().find(|group| group.name == name);
        for version in group.into_iter().flat_map(|group| &group.versions) {
            let wanted = |index: &usize| {
                let kind = &KINDS[*index];
                kind.group == name && kind.versions.contains(&version.version.as_str())
            };
            let indices: Vec<usize> = (0..KINDS.len()).filter(wanted).collect();
            if indices.is_empty() {
                continue;
            }
            let path = format!("/apis/{name}/{}", version.version);
            let resources: Resources = match server.get(&path).await {
                Ok(resources) => resources,
                // It went between the two questions.
                Err(WireError::Absent) => continue,
                Err(error) => return Err(error),
            };
            for index in indices {
                let versions = KINDS[index].versions;
                let rank = |wanted: &str| versions.iter().position(|known| *known == wanted);
                let better = match found[index] {
                    Served::As(known) => rank(&version.version) < rank(known),
                    Served::Unknown | Served::Nowhere => true,
                };
                if better
                    && resources
                        .resources
                        .iter()
                        .any(|resource| resource.name == KINDS[index].plural)
                {
                    let rank = rank(&version.version).expect("indices have this version");
                    found[index] = Served::As(versions[rank]);
                }
            }
        }
    }
    for served in &mut found {
        if *served == Served::Unknown {
            *served = Served::Nowhere;
        }
    }
    Ok(found)
}
