//! Route tables, virtual hosts, routes.

use std::{collections::HashMap, sync::Arc};

use envoy_types::pb::{
    envoy::config::route::v3::{
        Route as Message, RouteConfiguration, VirtualHost as HostMessage, route::Action,
    },
    google::protobuf::UInt64Value,
};
use vigla_dataplane::{Route, RouteAction, RouteTable, VirtualHost};

use super::{
    Reason, action, extra, flag, headers, matches,
    metadata::{self, Fields},
    required,
};

/// Name of Envoy's fault filter: routes carry faults under it.
pub(crate) const FAULT_FILTER: &str = "envoy.filters.http.fault";
/// Name of Envoy's filter that answers browsers: routes carry their rules under it.
pub(crate) const CORS_FILTER: &str = "envoy.filters.http.cors";

pub(crate) fn write(table: &RouteTable) -> RouteConfiguration {
    RouteConfiguration {
        name: table.name.to_string(),
        virtual_hosts: table.virtual_hosts.iter().map(write_host).collect(),
        // A route may name a cluster that does not exist: its requests get 503 NC, the table stands.
        validate_clusters: flag(false),
        ..RouteConfiguration::default()
    }
}

pub(crate) fn read(message: &RouteConfiguration) -> Result<RouteTable, Reason> {
    Ok(RouteTable {
        name: message.name.as_str().into(),
        virtual_hosts: message
            .virtual_hosts
            .iter()
            .map(read_host)
            .collect::<Result<_, _>>()?,
    })
}

fn write_host(host: &VirtualHost) -> HostMessage {
    HostMessage {
        name: host.name.to_string(),
        domains: host.domains.iter().map(ToString::to_string).collect(),
        routes: host.routes.iter().map(write_route).collect(),
        ..HostMessage::default()
    }
}

fn read_host(message: &HostMessage) -> Result<VirtualHost, Reason> {
    let routes = message.routes.iter().map(|route| {
        read_route(route)
            .map_err(|reason| format!("host `{}`, route `{}`: {reason}", message.name, route.name))
    });
    Ok(VirtualHost {
        name: message.name.as_str().into(),
        domains: message
            .domains
            .iter()
            .map(|domain| domain.as_str().into())
            .collect(),
        routes: routes.collect::<Result<_, _>>()?,
    })
}

fn write_route(route: &Route) -> Message {
    let mut typed_per_filter_config = HashMap::new();
    let mut metadata = metadata::write(
        Fields::default().service(route.service.as_ref()),
        route.origin.as_ref(),
    );
    let action = match &route.action {
        RouteAction::Forward(forward) => {
            if let Some(fault) = &forward.fault {
                typed_per_filter_config.insert(FAULT_FILTER.to_owned(), action::write_fault(fault));
            }
            if let Some(cors) = &forward.cors {
                typed_per_filter_config.insert(CORS_FILTER.to_owned(), extra::write_cors(cors));
            }
            metadata = extra::write_origins(metadata, forward);
            Action::Route(action::write_forward(forward))
        }
        RouteAction::Redirect(redirect) => Action::Redirect(action::write_redirect(redirect)),
        RouteAction::Respond { status, body } => Action::DirectResponse(action::write_respond(*status, body)),
    };
    let retry = match &route.action {
        RouteAction::Forward(forward) => forward.retry.as_ref(),
        _ => None,
    };
    let (request_headers_to_add, request_headers_to_remove) = headers::write(&route.request_headers);
    let (response_headers_to_add, response_headers_to_remove) = headers::write(&route.response_headers);
    Message {
        name: route.name.to_string(),
        r#match: Some(matches::write(&route.matches)),
        metadata,
        action: Some(action),
        typed_per_filter_config,
        request_headers_to_add,
        request_headers_to_remove,
        response_headers_to_add,
        response_headers_to_remove,
        request_body_buffer_limit: retry.map(|retry| UInt64Value {
            value: retry.body_limit.into(),
        }),
        ..Message::default()
    }
}

fn read_route(message: &Message) -> Result<Route, Reason> {
    if let Some(filter) = message
        .typed_per_filter_config
        .keys()
        .find(|name| *name != FAULT_FILTER && *name != CORS_FILTER)
    {
        return Err(format!(
            "has settings of the filter `{filter}`, which is not supported"
        ));
    }
    let fault = message.typed_per_filter_config.get(FAULT_FILTER);
    let action = match required(message.action.as_ref(), "the action")? {
        Action::Route(route) => {
            let mut forward = action::read_forward(route)?;
            forward.fault = fault.map(action::read_fault).transpose()?;
            let cors = message.typed_per_filter_config.get(CORS_FILTER);
            forward.cors = cors.map(extra::read_cors).transpose()?.map(Arc::new);
            extra::read_origins(message.metadata.as_ref(), &mut forward);
            if let (Some(retry), Some(limit)) = (&mut forward.retry, &message.request_body_buffer_limit) {
                retry.body_limit = u32::try_from(limit.value).unwrap_or(u32::MAX);
            }
            RouteAction::Forward(forward)
        }
        Action::Redirect(redirect) => RouteAction::Redirect(action::read_redirect(redirect)?),
        Action::DirectResponse(respond) => action::read_respond(respond)?,
        _ => return Err("the action is not supported".to_owned()),
    };
    Ok(Route {
        name: message.name.as_str().into(),
        matches: matches::read(required(message.r#match.as_ref(), "the match")?)?,
        action,
        service: metadata::read_service(message.metadata.as_ref()),
        request_headers: headers::read(
            &message.request_headers_to_add,
            &message.request_headers_to_remove,
        )?,
        response_headers: headers::read(
            &message.response_headers_to_add,
            &message.response_headers_to_remove,
        )?,
        origin: metadata::read_origin(message.metadata.as_ref()),
    })
}
