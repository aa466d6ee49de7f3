//! The pages of `docs/findings/`: one for each rule, and a table that finds ours by the peers' codes.

use std::fmt::Write;

use crate::{Need, Rule, rules};

/// Codes of Kiali. Those that are left out were withdrawn by Kiali itself.
const KIALI: &str = "0002 0003 0004 0005 0101 0102 0104 0105 0106 0107 0108 0109 0110 0201 0202 0203 0204 0205 0206 0207 0208 \
    0209 0210 0211 0212 0301 0302 0401 0501 0505 0506 0601 0602 0701 1004 1006 1007 1101 1102 1104 1105 1106 1107 1108 1109 \
    1110 1111 1112 1113 1114 1115 1116 1117 1211 1212 1301 1311 1312 1313 1314 1315 1316 1317 1401 1402 1501 1502 1503 1504 \
    1601 1701 1702";

/// Codes of `istioctl analyze` and `istioctl precheck`.
const ISTIO: &str = "0001 0002 0101 0102 0103 0106 0107 0108 0109 0110 0111 0112 0116 0118 0123 0125 0126 0127 0128 0129 0130 \
    0131 0132 0133 0134 0135 0136 0137 0138 0139 0140 0141 0142 0143 0144 0145 0146 0147 0148 0149 0150 0151 0152 0153 0154 \
    0155 0156 0157 0158 0159 0160 0161 0162 0163 0164 0165 0166 0167 0168 0169 0170 0171 0172 0173 0174 0175 0176 0177";

/// Codes that we do not take, and why.
const NOT_TAKEN: [(&str, &str); 9] = [
    ("IST0001", "an error of the analyzer itself; nothing raises it"),
    ("IST0143", "declared, and raised by nothing in the tree"),
    ("IST0168", "declared, and raised by nothing in the tree"),
    (
        "KIA0204",
        "with automatic mutual TLS, which has been the default since Istio 1.5, a rule that is silent changes nothing",
    ),
    (
        "KIA0205",
        "needs automatic mutual TLS to be off; VG2110 judges the modes of both ends",
    ),
    (
        "KIA0206",
        "needs automatic mutual TLS to be off; VG2110 judges the modes of both ends",
    ),
    (
        "KIA0401",
        "needs automatic mutual TLS to be off; VG2110 judges the modes of both ends",
    ),
    (
        "KIA0501",
        "needs automatic mutual TLS to be off; VG2110 judges the modes of both ends",
    ),
    (
        "KIA1301",
        "off by default at the peer too: a workload without a policy is no fault",
    ),
];

/// A page: name of the file and its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf {
    /// Name below `docs/findings/`.
    pub file: String,
    /// Markdown.
    pub text: String,
}

/// All pages, the overview first.
pub fn leaves() -> Vec<Leaf> {
    let overview = Leaf {
        file: "README.md".to_owned(),
        text: overview(),
    };
    let pages = rules().iter().map(|rule| Leaf {
        file: format!("{}.md", rule.code),
        text: page(rule),
    });
    std::iter::once(overview).chain(pages).collect()
}

/// Parts of the overview by the first code that is no more theirs.
const PARTS: [(u16, &str); 13] = [
    (1000, "Documents and fields"),
    (1100, "VirtualServices"),
    (1200, "Conditions and their order"),
    (1300, "DestinationRules"),
    (1400, "Gateways"),
    (1500, "ServiceEntries"),
    (1600, "Sidecars, and who sees what"),
    (1700, "Timeouts, retries, faults"),
    (2000, "Delegates and routes of the Gateway API"),
    (3000, "Policies: who may call, by which means"),
    (4000, "Pods, Services and ports"),
    (5000, "Telemetry and extensions"),
    (u16::MAX, "Versions"),
];

fn overview() -> String {
    let mut out = String::from(
        "# Findings\n\nWhat `vigla validate`, the console and the API say of a mesh's config. Written from the rules \
         by `cargo xtask docs`; each code has one page. A code never changes its meaning.\n",
    );
    let mut from = 0;
    for (until, title) in PARTS {
        let of_part: Vec<&&Rule> = rules()
            .iter()
            .filter(|rule| (from..until).contains(&rule.code.0))
            .collect();
        from = until;
        if of_part.is_empty() {
            continue;
        }
        let _ = write!(
            out,
            "\n## {title}\n\n| code | rule | usually | peers |\n|---|---|---|---|\n"
        );
        for rule in of_part {
            let _ = writeln!(
                out,
                "| [{code}]({code}.md) | {} | {} | {} |",
                rule.name,
                rule.severity,
                if rule.peers.is_empty() {
                    "–".to_owned()
                } else {
                    rule.peers.join(", ")
                },
                code = rule.code,
            );
        }
    }
    out.push_str(
        "\n## By the codes of Kiali and of istioctl\n\n`--only` and `--ignore` take these codes too, and so does the \
         annotation `vigla.io/ignore`.\n\n| peer | ours |\n|---|---|\n",
    );
    for (prefix, codes) in [("KIA", KIALI), ("IST", ISTIO)] {
        for code in codes.split_whitespace() {
            let code = format!("{prefix}{code}");
            let _ = writeln!(out, "| {code} | {} |", ours(&code));
        }
    }
    out
}

/// Our rules for a peer's code, or why there is none.
fn ours(code: &str) -> String {
    let found: Vec<String> = rules()
        .iter()
        .filter(|rule| rule.peers.contains(&code))
        .map(|rule| format!("[{code}]({code}.md)", code = rule.code))
        .collect();
    if !found.is_empty() {
        return found.join(", ");
    }
    let why = NOT_TAKEN.iter().find(|(other, _)| *other == code);
    why.map_or_else(|| "not yet".to_owned(), |(_, why)| format!("not taken: {why}"))
}

fn page(rule: &Rule) -> String {
    let mut out = format!(
        "# {} {}\n\n{}\n\n**In traffic:** {}\n\nUsually: {}.",
        rule.code, rule.name, rule.says, rule.consequence, rule.severity
    );
    if !rule.peers.is_empty() {
        let _ = write!(out, " The same at peers: {}.", rule.peers.join(", "));
    }
    if rule.needs == Need::Traffic {
        out.push_str(" It needs the traffic of a running mesh.");
    }
    let _ = write!(
        out,
        "\n\n## Found here\n\n```yaml\n{}```\n\n## Not here\n\n```yaml\n{}```\n",
        rule.fails, rule.passes
    );
    out
}
