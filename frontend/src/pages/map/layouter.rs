//! Asks the layout worker. The newest question wins; a worker that traps or is silent is replaced, and the page gets
//! a simple picture meanwhile.

use std::{cell::RefCell, rc::Rc, sync::Arc};

use js_sys::{Array, Object, Reflect, Uint32Array};
use leptos::prelude::*;
use vigla_layout::{
    Input, Layout,
    codec::{Answer, Job},
};
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use web_sys::{MessageEvent, Worker};

use super::grid::grid;

/// Longest wait for a picture: a mesh of 5000 workloads takes a tenth of it.
const SILENCE_MS: i32 = 5000;

/// A picture, and whether the engine made it.
#[derive(Debug, Clone)]
pub(crate) struct Drawn {
    /// The picture.
    pub(crate) layout: Arc<Layout>,
    /// Why it is only the simple one.
    pub(crate) notice: Option<&'static str>,
}

type OnDrawn = Rc<dyn Fn(Drawn)>;

/// The worker and its questions. Cheap to clone; all clones are one.
#[derive(Clone)]
pub(crate) struct Layouter(Rc<RefCell<State>>);

struct State {
    url: String,
    worker: Option<Worker>,
    on_message: Option<Closure<dyn FnMut(MessageEvent)>>,
    on_error: Option<Closure<dyn FnMut(web_sys::Event)>>,
    asked: Option<Asked>,
    waiting: Option<(u64, Input)>,
    number: u32,
    drawn: OnDrawn,
}

struct Asked {
    number: u32,
    input: Input,
    timer: Option<i32>,
}

impl Layouter {
    /// Starts the worker at `url`; pictures go to `drawn`.
    pub(crate) fn new(url: String, drawn: impl Fn(Drawn) + 'static) -> Self {
        let layouter = Self(Rc::new(RefCell::new(State {
            url,
            worker: None,
            on_message: None,
            on_error: None,
            asked: None,
            waiting: None,
            number: 0,
            drawn: Rc::new(drawn),
        })));
        layouter.start();
        layouter
    }

    /// Asks for a picture of `view`; an older question that waits is dropped.
    pub(crate) fn ask(&self, view: u64, input: Input) {
        self.0.borrow_mut().waiting = Some((view, input));
        self.send_waiting();
    }

    /// Ends the worker.
    pub(crate) fn stop(&self) {
        let mut state = self.0.borrow_mut();
        state.waiting = None;
        state.end();
    }

    fn start(&self) {
        let Ok(worker) = Worker::new(&self.0.borrow().url) else {
            return;
        };
        let weak = Rc::downgrade(&self.0);
        let on_message = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
            if let Some(state) = weak.upgrade() {
                Self(state).take_answer(&event.data());
            }
        });
        let weak = Rc::downgrade(&self.0);
        let on_error = Closure::<dyn FnMut(web_sys::Event)>::new(move |_| {
            if let Some(state) = weak.upgrade() {
                Self(state).give_up("The layout engine stopped; this is a simple picture.");
            }
        });
        worker.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        worker.set_onerror(Some(on_error.as_ref().unchecked_ref()));
        let mut state = self.0.borrow_mut();
        state.worker = Some(worker);
        state.on_message = Some(on_message);
        state.on_error = Some(on_error);
    }

    fn send_waiting(&self) {
        if self.0.borrow().asked.is_some() {
            return;
        }
        let Some((view, input)) = self.0.borrow_mut().waiting.take() else {
            return;
        };
        let words = Uint32Array::from(
            Job::Relayout {
                view,
                input: input.clone(),
            }
            .encode()
            .as_slice(),
        );
        let number = {
            let mut state = self.0.borrow_mut();
            state.number = state.number.wrapping_add(1);
            state.number
        };
        let message = Object::new();
        let set = |key: &str, value: &JsValue| Reflect::set(&message, &key.into(), value).is_ok();
        let ready = set("number", &number.into()) && set("words", &words);
        let sent = ready && {
            let state = self.0.borrow();
            let worker = state.worker.as_ref();
            worker.is_some_and(|worker| {
                worker
                    .post_message_with_transfer(&message, &Array::of1(&words.buffer()))
                    .is_ok()
            })
        };
        let timer = self.watch(number);
        self.0.borrow_mut().asked = Some(Asked { number, input, timer });
        if !sent {
            self.give_up("The layout engine could not be started; this is a simple picture.");
        }
    }

    /// Gives up on a question that is not answered in time.
    fn watch(&self, number: u32) -> Option<i32> {
        let weak = Rc::downgrade(&self.0);
        let late = Closure::once_into_js(move || {
            let Some(state) = weak.upgrade() else { return };
            if state
                .borrow()
                .asked
                .as_ref()
                .is_some_and(|asked| asked.number == number)
            {
                Self(state).give_up("The layout engine did not answer in 5 s; this is a simple picture.");
            }
        });
        window()
            .set_timeout_with_callback_and_timeout_and_arguments_0(late.unchecked_ref(), SILENCE_MS)
            .ok()
    }

    fn take_answer(&self, message: &JsValue) {
        let get = |key: &str| Reflect::get(message, &key.into()).unwrap_or(JsValue::UNDEFINED);
        let number = get("number").as_f64();
        let is_ours = {
            let state = self.0.borrow();
            state
                .asked
                .as_ref()
                .is_some_and(|asked| Some(f64::from(asked.number)) == number)
        };
        if !is_ours {
            return;
        }
        let words = get("words")
            .dyn_into::<Uint32Array>()
            .ok()
            .map(|words| words.to_vec());
        match words.map(|words| Answer::decode(&words)) {
            Some(Ok(Answer::Drawn(layout))) => {
                self.0.borrow_mut().forget_question();
                self.deliver(Drawn {
                    layout: Arc::new(layout),
                    notice: None,
                });
                self.send_waiting();
            }
            Some(_) => self.give_up("The layout engine refused this graph; this is a simple picture."),
            None => self.give_up("The layout engine stopped; this is a simple picture."),
        }
    }

    /// Shows a simple picture and starts a new worker.
    fn give_up(&self, notice: &'static str) {
        let input = {
            let mut state = self.0.borrow_mut();
            let input = state.asked.as_ref().map(|asked| asked.input.clone());
            state.end();
            input
        };
        self.start();
        if let Some(input) = input {
            self.deliver(Drawn {
                layout: Arc::new(grid(&input)),
                notice: Some(notice),
            });
        }
        self.send_waiting();
    }

    fn deliver(&self, drawn: Drawn) {
        let deliver = Rc::clone(&self.0.borrow().drawn);
        deliver(drawn);
    }
}

impl State {
    fn forget_question(&mut self) {
        if let Some(timer) = self.asked.take().and_then(|asked| asked.timer) {
            window().clear_timeout_with_handle(timer);
        }
    }

    fn end(&mut self) {
        self.forget_question();
        if let Some(worker) = self.worker.take() {
            worker.set_onmessage(None);
            worker.set_onerror(None);
            worker.terminate();
        }
    }
}
