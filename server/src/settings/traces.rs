//! `traces`: where traces come from.

use vigla_sources::outbound::OutboundSettings;

use super::{Section, source};

/// Where traces come from.
#[derive(Debug, Clone, Default)]
pub struct TraceSettings {
    /// A Jaeger.
    pub jaeger: Option<OutboundSettings>,
}

impl TraceSettings {
    pub(super) fn read(section: &mut Section<'_, '_>) -> Self {
        let mut settings = Self::default();
        section.section("jaeger", |section| {
            settings.jaeger = source::read(section, "Jaeger");
        });
        settings
    }
}
