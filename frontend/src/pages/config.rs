//! The objects of the mesh's config.

use leptos::prelude::*;
use vigla_api::{ConfigItem, Page};

use crate::{
    address::{Address, FrameState, History, ListState, encode},
    components::{config_troubles, empty_face, failed_face, icon_small, loading_face, reference},
    live::{Fetched, Mesh},
    words::{number, short_kind},
};

/// Period of the list; config changes when somebody saves a file.
const CONFIG_MS: f64 = 5000.0;

/// The page.
#[component]
pub(crate) fn ConfigPage() -> impl IntoView {
    let (address, mesh) = (Address::get(), Mesh::get());
    let (frame, state) = (address.state::<FrameState>(), address.state::<ListState>());
    let list = Fetched::<Page<ConfigItem>>::from_url(
        move || {
            let names: Vec<String> = frame.read().namespaces.iter().map(|name| encode(name)).collect();
            let query = if names.is_empty() {
                String::new()
            } else {
                format!("?namespaces={}", names.join(","))
            };
            Some(address.resource(&format!("api/v1/config{query}")))
        },
        CONFIG_MS,
    );
    let shown = Memo::new(move |_| list.value().map(|page| found(&page.items, &state.read().search)));
    let sub = move || list.value().map(|page| number::counted(page.total, "object"));
    let search = move |event| {
        let text = event_target_value(&event);
        address.change::<ListState>(History::Replace, |list| list.search = text);
    };
    let troubles = move || mesh.status().map(|status| config_troubles(&status));
    view! {
        <div class="page" class:is-stale=move || list.error().is_some()>
            <div class="head"><h1>"Config"</h1><p class="sub">{sub}</p></div>
            {troubles}
            <label class="field">{icon_small("i-search")}<span class="vh">"Search by kind, namespace or name"</span>
                <input type="search" data-search="" placeholder="Kind, namespace or name" spellcheck="false" autocomplete="off"
                    prop:value=move || state.read().search.clone() on:input=search/>
            </label>
            {move || match (shown.get(), list.error()) {
                (Some(items), _) if items.is_empty() => empty_face("No object is found".to_owned(), vec!["Kind, namespace and name are searched, in the namespaces in scope.".to_owned()]).into_any(),
                (Some(items), _) => table(&items).into_any(),
                (None, Some(error)) => failed_face(&error, Some(Callback::new(move |()| list.ask_again()))).into_any(),
                (None, None) => loading_face(8, "Asking for the mesh's config").into_any(),
            }}
        </div>
    }
}

fn table(items: &[ConfigItem]) -> impl IntoView + use<> {
    let rows = items.iter().map(|item| {
        let place = item.place.as_ref();
        let file = place.and_then(|place| place.file.clone()).unwrap_or_else(|| number::UNMEASURED.to_owned());
        let line = place.and_then(|place| place.line).map(|line| line.to_string());
        view! {
            <tr>
                <td><span class="kind" title=item.object.kind.clone()>{short_kind(&item.object.kind)}</span></td>
                <th scope="row">{reference(&item.object, None)}</th>
                <td>{item.api_version.clone()}</td>
                <td class="mono">{file}{line.map(|line| format!(":{line}"))}</td>
            </tr>
        }
    });
    view! {
        <div class="card tbl-scroll"><table class="tbl">
            <caption class="vh">"Objects of the mesh's config"</caption>
            <thead><tr><th scope="col"><span class="vh">"Short"</span></th><th scope="col">"Object"</th><th scope="col">"Version"</th><th scope="col">"Where it is written"</th></tr></thead>
            <tbody>{rows.collect_view()}</tbody>
        </table></div>
    }
}

/// Objects that have all words, by kind, namespace and name.
fn found(items: &[ConfigItem], search: &str) -> Vec<ConfigItem> {
    let words: Vec<String> = search
        .to_ascii_lowercase()
        .split_whitespace()
        .map(str::to_owned)
        .collect();
    let text = |item: &ConfigItem| {
        let object = &item.object;
        format!(
            "{} {} {}/{}",
            object.kind,
            short_kind(&object.kind),
            object.namespace,
            object.name
        )
        .to_ascii_lowercase()
    };
    let mut found: Vec<ConfigItem> = items
        .iter()
        .filter(|item| words.iter().all(|word| text(item).contains(word)))
        .cloned()
        .collect();
    found.sort_by(|a, b| {
        let key = |item: &ConfigItem| {
            (
                item.object.kind.clone(),
                item.object.namespace.clone(),
                item.object.name.clone(),
            )
        };
        key(a).cmp(&key(b))
    });
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use vigla_api::ObjectRef;

    #[test]
    fn objects_are_found_by_kind_short_kind_and_name() {
        let item = |kind: &str, name: &str| ConfigItem {
            object: ObjectRef {
                kind: kind.into(),
                namespace: "bookinfo".into(),
                name: name.into(),
                ..ObjectRef::default()
            },
            ..ConfigItem::default()
        };
        let items = [
            item("VirtualService", "reviews"),
            item("DestinationRule", "reviews"),
            item("Service", "details"),
        ];
        let names = |search| {
            found(&items, search)
                .into_iter()
                .map(|item| item.object.kind)
                .collect::<Vec<_>>()
        };
        assert_eq!(names("reviews"), ["DestinationRule", "VirtualService"]);
        assert_eq!(names("vs bookinfo/rev"), ["VirtualService"]);
        assert!(names("nothing").is_empty());
    }
}
