//! A chip that names an object of the mesh's config and its line, and leads there.

use leptos::prelude::*;
use vigla_api::ObjectRef;

use crate::address::{Address, ObjectPath, ObjectState, Route};

/// The chip.
pub(crate) fn reference(object: &ObjectRef, line: Option<u32>) -> impl IntoView + use<> {
    let address = Address::get();
    let route = Route::Object(ObjectPath::from(object));
    let name = if object.namespace.is_empty() {
        object.name.clone()
    } else {
        format!("{}/{}", object.namespace, object.name)
    };
    view! {
        <a class="ref" href=move || address.href_to(&route, &ObjectState { line })>
            <span class="ref-kind">{object.kind.clone()}</span>
            <span>{name}</span>
            {line.map(|line| view! { <span class="ref-line"><span class="vh">"line "</span>{format!(":{line}")}</span> })}
        </a>
    }
}
