"""Threats at the status page: whoever reaches its port, and pages of others in the same browser."""

from __future__ import annotations

from tests.security.threat import Attacker, Entry, Threat

_WEB, _SITE, _NETWORK, _LOCAL = Entry.WEB, Attacker.SITE, Attacker.NETWORK, Attacker.LOCAL
_SERVER, _EVENTS = "tests/web/test_server.py::", "tests/web/test_events.py::"

WEB = (
    Threat("web-rebinding", _WEB, _SITE, "has its own name lead to the agent and reads what the page shows",
           "agent.web.hosts:host_problem",
           _SERVER + "test_only_names_of_this_machine_and_addresses_are_answered"),
    Threat("web-embedding", _WEB, _SITE, "shows the page or its pictures inside its own, or has a script run in it",
           "agent.web.answers:HEADERS",
           _SERVER + "test_every_path_is_answered_with_the_headers_that_protect_it"),
    Threat("web-fetching", _WEB, _SITE, "asks for data from within its own page",
           "agent.web.server:_is_foreign",
           _SERVER + "test_pages_of_other_sites_get_nothing_but_links_to_the_page_work"),
    Threat("web-changing", _WEB, _NETWORK, "commands the agent over the page",
           "agent.web.server:METHODS", _SERVER + "test_nothing_but_get_and_head_is_answered"),
    Threat("web-slow-asking", _WEB, _NETWORK, "opens connections and asks slowly or never",
           "agent.web.connections:Connection._cut_in", _SERVER + "test_who_does_not_ask_in_time_is_cut_off"),
    Threat("web-all-connections", _WEB, _LOCAL, "takes all connections and leaves none to Prometheus",
           "agent.web.connections:Connections._make_room",
           _SERVER + "test_silent_connections_make_room_for_one_that_asks"),
    Threat("web-never-reads", _WEB, _NETWORK, "asks for events and never reads them", "agent.web.server:_taken",
           _EVENTS + "test_a_reader_that_takes_nothing_is_dropped_and_the_others_notice_nothing"),
    Threat("web-many-readers", _WEB, _NETWORK, "asks for events again and again", "agent.web.board:Board._has_room",
           _EVENTS + "test_no_more_read_than_there_is_room_for"),
    Threat("web-garbage", _WEB, _NETWORK, "fills the log, or is sent its own bytes back, by requests that are none",
           "agent.web.connections:Connection.handle_error",
           _SERVER + "test_a_request_that_is_none_or_too_much_is_refused_and_harms_nobody"),
)  # fmt: skip
