//! The pictures that the engine remembers, one for each view of the page.

use vigla_layout::{
    BoxSpec, EdgeSpec, Input, Layout, NodeSpec, Size,
    codec::{Answer, Job},
    layout, relayout,
};

/// Most pictures that are remembered. A page shows one map, and keeps a few more for going back; the picture that was
/// not drawn for longest is forgotten first.
pub const MAX_VIEWS: usize = 8;

/// Pictures by view, the one drawn last at the end.
#[derive(Debug, Default)]
pub struct Views {
    kept: Vec<(u64, Layout)>,
}

impl Views {
    /// Nothing is remembered yet.
    pub const fn new() -> Self {
        Self { kept: Vec::new() }
    }

    /// Does one job.
    pub fn answer(&mut self, job: &[u32]) -> Vec<u32> {
        let Ok(job) = Job::decode(job) else {
            return Answer::Unreadable.encode();
        };
        let answer = match job {
            Job::Layout { view, input } => {
                self.take(view);
                self.draw(view, layout(&input))
            }
            Job::Relayout { view, input } => {
                let drawn = match self.take(view) {
                    Some(previous) => relayout(&previous, &input),
                    None => layout(&input),
                };
                self.draw(view, drawn)
            }
            Job::Forget { view } => {
                self.take(view);
                Answer::Forgotten
            }
        };
        answer.encode()
    }

    fn take(&mut self, view: u64) -> Option<Layout> {
        let at = self.kept.iter().position(|(kept, _)| *kept == view)?;
        Some(self.kept.remove(at).1)
    }

    fn draw(&mut self, view: u64, drawn: Result<Layout, vigla_layout::InputError>) -> Answer {
        match drawn {
            Ok(layout) => {
                if self.kept.len() == MAX_VIEWS {
                    self.kept.remove(0);
                }
                self.kept.push((view, layout.clone()));
                Answer::Drawn(layout)
            }
            Err(error) => Answer::Refused(error),
        }
    }
}

/// Runs every part of the engine on graphs of a hundred nodes in five boxes.
pub(crate) fn warm(rounds: usize) {
    /// Start of the ids of boxes.
    const BOXES: u64 = 1000;
    let mut views = Views::new();
    for round in 1..=rounds as u64 {
        let input = Input {
            nodes: (0..100)
                .map(|id| NodeSpec {
                    id,
                    size: Size::new(120.0, 38.0),
                    parent: Some(BOXES + id / 20),
                    pin: None,
                })
                .collect(),
            boxes: (BOXES..BOXES + 5)
                .map(|id| BoxSpec {
                    id,
                    parent: None,
                    header: 30.0,
                    padding: 16.0,
                    min_width: 120.0,
                })
                .collect(),
            edges: (1..100)
                .flat_map(|at| [(at / 2, at), (at * 7 * round % 100, at)])
                .enumerate()
                .map(|(id, (from, to))| EdgeSpec {
                    id: id as u64,
                    from,
                    to,
                    label: Some(Size::new(60.0, 16.0)),
                    own_way: false,
                })
                .collect(),
            ..Input::default()
        };
        let job = if round % 2 == 0 {
            Job::Relayout { view: 0, input }
        } else {
            Job::Layout { view: 0, input }
        };
        views.answer(&job.encode());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(nodes: u64) -> Input {
        Input {
            nodes: (0..nodes)
                .map(|id| NodeSpec {
                    id,
                    size: Size::new(120.0, 40.0),
                    parent: None,
                    pin: None,
                })
                .collect(),
            edges: (1..nodes)
                .map(|at| EdgeSpec {
                    id: 100 + at,
                    from: at - 1,
                    to: at,
                    label: None,
                    own_way: false,
                })
                .collect(),
            ..Input::default()
        }
    }

    fn run(views: &mut Views, job: &Job) -> Answer {
        Answer::decode(&views.answer(&job.encode())).unwrap()
    }

    #[test]
    fn a_view_is_remembered_between_jobs() {
        let mut views = Views::new();
        let job = Job::Layout {
            view: 7,
            input: input(4),
        };
        let Answer::Drawn(first) = run(&mut views, &job) else {
            panic!("the first picture was not drawn")
        };
        let job = Job::Relayout {
            view: 7,
            input: input(5),
        };
        let Answer::Drawn(second) = run(&mut views, &job) else {
            panic!("the second picture was not drawn")
        };
        assert_eq!(first.find_node(2), second.find_node(2));
    }

    #[test]
    fn the_oldest_picture_is_forgotten_first() {
        let mut views = Views::new();
        for view in 0..2 * MAX_VIEWS as u64 {
            let job = Job::Layout {
                view,
                input: input(2),
            };
            run(&mut views, &job);
        }
        assert_eq!(views.kept.len(), MAX_VIEWS);
        assert!(views.take(0).is_none());
        assert!(views.take(2 * MAX_VIEWS as u64 - 1).is_some());
        let forget = Job::Forget { view: 9 };
        assert!(matches!(run(&mut views, &forget), Answer::Forgotten));
    }

    #[test]
    fn what_cannot_be_read_or_drawn_is_said() {
        let mut views = Views::new();
        let answer = |words: &[u32], views: &mut Views| Answer::decode(&views.answer(words)).unwrap();
        assert!(matches!(answer(&[], &mut views), Answer::Unreadable));
        assert!(matches!(
            answer(&[1, 0, 0, u32::MAX], &mut views),
            Answer::Unreadable
        ));
        let mut twice = input(2);
        twice.nodes[1].id = 0;
        let job = Job::Layout {
            view: 0,
            input: twice,
        };
        assert!(matches!(run(&mut views, &job), Answer::Refused(_)));
    }

    #[test]
    fn warming_up_draws() {
        warm(2);
    }
}
