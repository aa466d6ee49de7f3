//! The input as an indexed tree: levels that hold items, and for each edge the level that draws it.
//!
//! Items are numbered: nodes first, then boxes, both in the order of the input, which breaks ties between drawings that
//! are equally good.
//! Each box is a level; one more level, the last, is the page itself. An edge belongs to the lowest level that
//! holds both of its ends.

use crate::{
    Input, InputError, Size,
    sort::{Index, by_key},
};

/// Number of a node or box among all.
pub(crate) type ItemIndex = usize;

pub(crate) struct Tree<'a> {
    pub(crate) input: &'a Input,
    /// Ids of all items.
    pub(crate) ids: Vec<u64>,
    /// Items by id.
    pub(crate) index: Index,
    /// Sizes of nodes.
    pub(crate) sizes: Vec<Size>,
    /// Level that holds an item.
    pub(crate) level_of: Vec<usize>,
    /// Items that a level holds, in order of their numbers.
    pub(crate) items: Vec<Vec<ItemIndex>>,
    /// How many boxes are around a level's content.
    pub(crate) depth: Vec<usize>,
    /// Levels, innermost first; the page is the last.
    pub(crate) inside_out: Vec<usize>,
    /// Edges by caller and callee, so that an order that follows them is that of the nodes; those between the same two
    /// by id, so that the order of the input does not count.
    pub(crate) edges: Vec<TreeEdge>,
}

/// An edge and where it is drawn.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TreeEdge {
    pub(crate) id: u64,
    pub(crate) label: Option<Size>,
    pub(crate) own_way: bool,
    /// The caller.
    pub(crate) from: ItemIndex,
    /// The callee.
    pub(crate) to: ItemIndex,
    /// Lowest level that holds both ends.
    pub(crate) level: usize,
    /// The level's items that are or hold the ends. Both are the same for a call of a node to itself only.
    pub(crate) items: (ItemIndex, ItemIndex),
}

impl<'a> Tree<'a> {
    pub(crate) fn new(input: &'a Input) -> Result<Self, InputError> {
        let index = input.index()?;
        let (nodes, boxes) = (&input.nodes, &input.boxes);
        let ids: Vec<u64> = nodes
            .iter()
            .map(|node| node.id)
            .chain(boxes.iter().map(|spec| spec.id))
            .collect();
        let (count, page) = (nodes.len(), boxes.len());
        let at = |id: u64| index.find(id).expect("ids are known after the check");
        let level = |parent: Option<u64>| parent.map_or(page, |id| at(id) - count);
        let level_of: Vec<usize> = nodes
            .iter()
            .map(|node| level(node.parent))
            .chain(boxes.iter().map(|spec| level(spec.parent)))
            .collect();
        let mut items = vec![Vec::new(); page + 1];
        for (item, &level) in level_of.iter().enumerate() {
            items[level].push(item);
        }
        let mut tree = Self {
            input,
            sizes: nodes.iter().map(|node| node.size).collect(),
            ids,
            index,
            level_of,
            items,
            depth: vec![0; page + 1],
            inside_out: Vec::new(),
            edges: Vec::with_capacity(input.edges.len()),
        };
        for level in 0..page {
            let mut around = level;
            while around != page {
                tree.depth[level] += 1;
                around = tree.level_of[count + around];
            }
        }
        let depth = &tree.depth;
        tree.inside_out = by_key(page + 1, |level| (input.boxes.len() - depth[level]) as u64)
            .into_iter()
            .map(|level| level as usize)
            .collect();
        let by_id = by_key(input.edges.len(), |edge| input.edges[edge].id);
        let edges: Vec<TreeEdge> = by_id
            .into_iter()
            .map(|edge| {
                let edge = &input.edges[edge as usize];
                let (from, to) = (tree.at(edge.from), tree.at(edge.to));
                let (level, items) = tree.meet(from, to);
                TreeEdge {
                    id: edge.id,
                    label: edge.label,
                    own_way: edge.own_way,
                    from,
                    to,
                    level,
                    items,
                }
            })
            .collect();
        tree.edges = by_key(edges.len(), |edge| {
            (edges[edge].from as u64) << 32 | edges[edge].to as u64
        })
        .into_iter()
        .map(|edge| edges[edge as usize])
        .collect();
        Ok(tree)
    }

    /// The item with an id that is in the input.
    pub(crate) fn at(&self, id: u64) -> ItemIndex {
        self.index.find(id).expect("ids are known after the check")
    }

    /// The level of the page.
    pub(crate) fn page(&self) -> usize {
        self.input.boxes.len()
    }

    /// The box behind an item; `None` for nodes.
    pub(crate) fn level_in(&self, item: ItemIndex) -> Option<usize> {
        item.checked_sub(self.sizes.len())
    }

    /// The item of a level's box.
    pub(crate) fn item_of(&self, level: usize) -> ItemIndex {
        self.sizes.len() + level
    }

    /// Levels from the one that holds `node` up to, but without, `top`.
    pub(crate) fn levels_below(&self, node: ItemIndex, top: usize) -> impl Iterator<Item = usize> + '_ {
        let start = self.level_of[node];
        let around = |&level: &usize| self.level_of.get(self.item_of(level)).copied();
        std::iter::successors(Some(start), around).take_while(move |&level| level != top)
    }

    /// The item of `level` that is or holds `node`.
    pub(crate) fn holder(&self, node: ItemIndex, level: usize) -> ItemIndex {
        let mut item = node;
        while self.level_of[item] != level {
            item = self.item_of(self.level_of[item]);
        }
        item
    }

    fn meet(&self, mut a: ItemIndex, mut b: ItemIndex) -> (usize, (ItemIndex, ItemIndex)) {
        while self.level_of[a] != self.level_of[b] {
            let (over_a, over_b) = (self.level_of[a], self.level_of[b]);
            if self.depth[over_a] >= self.depth[over_b] {
                a = self.item_of(over_a);
            } else {
                b = self.item_of(over_b);
            }
        }
        (self.level_of[a], (a, b))
    }
}
