//! To the API server, with the address and credentials of a kubeconfig or of the pod that this runs in.

use std::path::PathBuf;

use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use thiserror::Error;

/// Which cluster, and who asks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KubeSettings {
    /// File with address and credentials; `None`: those of the pod that this runs in.
    pub kubeconfig: Option<PathBuf>,
    /// Context of that file; `None`: its current one.
    pub context: Option<String>,
    /// Namespaces to read one by one where the API server does not show us all of them at once.
    pub namespaces: Vec<String>,
}

/// Why there is no way to the API server.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// The file, or the context in it, cannot be used.
    #[error("kubeconfig {} cannot be used: {reason}", file.display())]
    Kubeconfig {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// There is no file, and this does not run in a pod.
    #[error("no kubeconfig was given and this is no pod of a cluster ({0}); give one by --kubeconfig FILE")]
    NoPod(String),
    /// Credentials or certificates cannot be used.
    #[error("no connection to {server} can be made: {reason}")]
    Client {
        /// Address of the API server.
        server: String,
        /// What is wrong.
        reason: String,
    },
}

/// A client, and the name of the API server for people.
pub(crate) async fn connect(settings: &KubeSettings) -> Result<(Client, String), ConnectError> {
    let mut config = match &settings.kubeconfig {
        Some(file) => {
            let wrong = |error: kube::config::KubeconfigError| ConnectError::Kubeconfig {
                file: file.clone(),
                reason: told(&error),
            };
            let options = KubeConfigOptions {
                context: settings.context.clone(),
                ..KubeConfigOptions::default()
            };
            let kubeconfig = Kubeconfig::read_from(file).map_err(wrong)?;
            Config::from_custom_kubeconfig(kubeconfig, &options)
                .await
                .map_err(wrong)?
        }
        None => Config::incluster().map_err(|error| ConnectError::NoPod(told(&error)))?,
    };
    // Followers try again themselves, so that the status can say so.
    config.default_retry = false;
    let server = config.cluster_url.to_string().trim_end_matches('/').to_owned();
    let client = Client::try_from(config).map_err(|error| ConnectError::Client {
        server: server.clone(),
        reason: told(&error),
    })?;
    Ok((client, server))
}

/// An error with its causes.
fn told(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    let mut text = error.to_string();
    for cause in causes.map(ToString::to_string) {
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}
