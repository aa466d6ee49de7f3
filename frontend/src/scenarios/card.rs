//! One scenario: what it changes, what to look at, start, next step, undo.

use leptos::{prelude::*, task::spawn_local};
use vigla_api::{ApplyScenario, Scenario, ScenarioApplied, Scenarios};

use crate::{
    address::{Address, encode},
    client::{self, Cancel, ClientError},
    components::{Announcer, icon_small},
    live::{Clock, Fetched},
    words::time,
};

/// The card.
#[component]
pub(super) fn ScenarioCard(
    /// The scenario; gone ones draw nothing.
    scenario: Memo<Option<Scenario>>,
    /// Asked again after each change.
    list: Fetched<Scenarios>,
    /// What went wrong with the last change.
    failed: RwSignal<Option<ClientError>>,
) -> impl IntoView {
    let (address, clock, announcer) = (Address::get(), Clock::get(), Announcer::get());
    let busy = RwSignal::new(false);
    let cancel = StoredValue::new_local(Cancel::with_owner());
    let act = move |step: Option<u32>| {
        let Some(scenario) = scenario.get_untracked() else {
            return;
        };
        if busy.get_untracked() {
            return;
        }
        busy.set(true);
        failed.set(None);
        let cancel = cancel.get_value();
        let url = address.resource(&format!("api/v1/scenarios/{}", encode(&scenario.name)));
        spawn_local(async move {
            let done = match step {
                Some(step) => {
                    client::post::<_, ScenarioApplied>(&url, &ApplyScenario { step: Some(step) }, &cancel)
                        .await
                        .map(|_| ())
                }
                None => client::delete(&url, &cancel).await,
            };
            if cancel.fired() {
                return;
            }
            busy.set(false);
            match done {
                Ok(()) => announcer.answer(format!(
                    "{} {}",
                    scenario.title,
                    if step.is_some() { "runs" } else { "is undone" }
                )),
                Err(error) => failed.set(Some(error)),
            }
            list.ask_again();
        });
    };
    let runs = Memo::new(move |_| {
        scenario
            .read()
            .as_ref()
            .is_some_and(|scenario| scenario.step.is_some())
    });
    let since = move || {
        let scenario = scenario.read();
        let scenario = scenario.as_ref()?;
        let step = scenario.step?;
        let age = scenario
            .since
            .as_deref()
            .and_then(time::parse)
            .map(|at| time::age(at, clock.now()));
        Some(running_words(step, scenario.steps, age.as_deref()))
    };
    let next = Memo::new(move |_| scenario.read().as_ref().and_then(next_step));
    let name = move || scenario.read().as_ref().map(|scenario| scenario.name.clone());
    let title = move || scenario.read().as_ref().map(|scenario| scenario.title.clone());
    let changes = move || scenario.read().as_ref().map(|scenario| scenario.changes.clone());
    let look = move || {
        scenario.read().as_ref().map(|scenario| {
            scenario
                .look
                .iter()
                .map(|line| view! { <li>{line.clone()}</li> })
                .collect_view()
        })
    };
    view! {
        <li class="scenario" class:on=move || runs.get()>
            <div class="row">
                <div class="grow">
                    <h3><code>{name}</code><span class="live-step">{since}</span></h3>
                    <p class="quiet">{title}</p>
                </div>
                <Show when=move || next.get().is_some()>
                    <button type="button" class="btn" class:primary=move || !runs.get() disabled=move || busy.get() on:click=move |_| act(next.get_untracked())>
                        {icon_small("i-play")}{move || if runs.get() { "Next step" } else { "Start" }}<span class="vh">{name}</span>
                    </button>
                </Show>
                <Show when=move || runs.get()>
                    <button type="button" class="btn" disabled=move || busy.get() on:click=move |_| act(None)>
                        {icon_small("i-history")}"Undo"<span class="vh">{name}</span>
                    </button>
                </Show>
            </div>
            <h4>"What it changes"</h4><p>{changes}</p>
            <h4>"What to look at"</h4><ol>{look}</ol>
        </li>
    }
}

/// The step that can be taken next; `None` on the last one.
fn next_step(scenario: &Scenario) -> Option<u32> {
    let next = scenario.step.map_or(1, |step| step + 1);
    (next <= scenario.steps.max(1)).then_some(next)
}

fn running_words(step: u32, steps: u32, age: Option<&str>) -> String {
    let part = if steps > 1 {
        format!("step {step} of {steps}")
    } else {
        "running".to_owned()
    };
    match age {
        Some(age) => format!("{part} for {age}"),
        None => part,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_follow_each_other_and_end() {
        let at = |step, steps| {
            next_step(&Scenario {
                step,
                steps,
                ..Scenario::default()
            })
        };
        assert_eq!(
            (at(None, 1), at(Some(1), 1), at(Some(1), 3), at(Some(3), 3)),
            (Some(1), None, Some(2), None)
        );
        assert_eq!(running_words(1, 1, Some("13 min")), "running for 13 min");
        assert_eq!(running_words(2, 3, None), "step 2 of 3");
    }
}
