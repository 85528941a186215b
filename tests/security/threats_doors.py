"""Threats at the doors: the network with its certificates, and the unix socket with its users."""

from __future__ import annotations

from tests.security.threat import Attacker, Entry, Threat

_TCP, _UNIX, _REQUEST = Entry.TCP, Entry.UNIX, Entry.REQUEST
_NETWORK, _CLIENT, _LOCAL = Attacker.NETWORK, Attacker.CLIENT, Attacker.LOCAL
_DOOR, _FILES, _TURN = (
    "tests/api/test_tls_door.py::",
    "tests/api/test_tls_files.py::",
    "tests/api/test_tls_rotation.py::",
)
_USERS, _BOUNDS = "tests/api/test_unix_door.py::", "tests/api/test_unix_door_bounds.py::"
_SERVER, _SLOW = "tests/api/test_server.py::", "tests/api/test_slow_clients.py::"
_HOSTILE, _NETWORKED = "tests/api/test_hostile.py::", "tests/api/test_network.py::"

DOORS = (
    Threat("no-certificate", _TCP, _NETWORK, "connects without a certificate of the plant",
           "agent.api.tls_door:TlsDoor._configuration",
           _DOOR + "test_a_client_without_a_certificate_that_is_right_reaches_nothing"),
    Threat("nameless-certificate", _TCP, _NETWORK, "has a certificate that names no client, or several",
           "agent.api.certificates:_name", _DOOR + "test_a_certificate_with_any_other_name_than_one_uri_is_nobody"),
    Threat("revoked", _TCP, _NETWORK, "uses a certificate that was revoked", "agent.api.revocation:Revocations.has",
           _TURN + "test_a_certificate_that_is_revoked_ends_its_streams_and_its_calls_and_nobody_elses"),
    Threat("other-ca", _TCP, _NETWORK, "uses a certificate of a CA that is not trusted any more",
           "agent.api.tls_door:TlsDoor._check",
           _TURN + "test_clients_of_a_ca_that_is_not_trusted_any_more_are_out_on_connections_that_stand"),
    Threat("expired", _TCP, _NETWORK, "keeps a connection open beyond the end of its certificate",
           "agent.api.tls_door:TlsDoor._check",
           _DOOR + "test_a_certificate_that_ends_while_its_connection_lasts_ends_what_goes_on"),
    Threat("forged-list", _TCP, _NETWORK, "puts a forged list in place of that of revoked certificates",
           "agent.api.revocation:_check",
           _FILES + "test_a_list_that_must_not_be_believed_leaves_the_one_before_in_use"),
    Threat("wider-pattern", _TCP, _CLIENT, "gets by a pattern more than its own line says",
           "agent.domain.identity:role_of",
           _DOOR + "test_an_exact_uri_beats_a_pattern_and_the_longest_pattern_the_others"),
    Threat("role-taken-away", _REQUEST, _CLIENT, "goes on reading a stream after its role is gone",
           "agent.api.vigil:Vigil._look",
           _DOOR + "test_a_role_that_is_taken_away_ends_what_goes_on_and_refuses_the_rest"),
    Threat("key-for-all", Entry.KEYS, _LOCAL, "reads the agent's private key", "agent.api.tls_files:read_file",
           _FILES + "test_a_key_that_others_may_read_is_refused_and_one_of_the_group_is_not"),
    Threat("broken-rotation", Entry.KEYS, Attacker.SUPPLIER, "has a broken certificate shut everybody out",
           "agent.api.tls_files:Kept.look",
           _TURN + "test_a_pair_that_is_broken_leaves_the_one_before_in_use_and_raises_one_alarm_until_it_is_right"),
    Threat("flood-of-calls", _REQUEST, _CLIENT, "calls as fast as it can", "agent.api.rates:Rates.take",
           "tests/api/test_tls_claims.py::test_a_client_that_floods_is_told_when_to_try_again_and_others_notice_nothing"),
    Threat("thousand-names", _REQUEST, _LOCAL, "takes memory by many names", "agent.api.rates:MOST_CLIENTS",
           "tests/api/test_rates.py::test_a_thousand_names_take_a_bounded_place_and_who_calls_most_is_not_forgotten"),
    Threat("no-local-role", _UNIX, _LOCAL, "calls over the socket without a role",
           "agent.api.local_users:LocalUser.role",
           _USERS + "test_a_local_user_may_do_what_the_role_lets_do"),
    Threat("inner-socket", _UNIX, _LOCAL, "goes around the door to gRPC's own socket",
           "agent.api.unix_door:UnixDoor.who",
           "tests/api/test_unix_door_spoof.py::test_who_finds_grpcs_own_socket_is_nobody_whatever_name_is_given"),
    Threat("connection-storm", _UNIX, _LOCAL, "connects again and again as fast as it can",
           "agent.api.places:Places._too_soon",
           _BOUNDS + "test_a_user_who_connects_again_and_again_is_slowed_down_and_no_other_is"),
    Threat("socket-taken", _UNIX, _LOCAL, "takes the socket's place while an agent serves it",
           "agent.api.socket_path:_is_served", _SERVER + "test_a_living_servers_socket_is_not_stolen"),
    Threat("socket-open-to-all", _UNIX, _LOCAL, "opens the socket without belonging to its group",
           "agent.api.socket_path:created_with_mode",
           _SERVER + "test_the_socket_is_for_its_owner_and_group_and_goes_with_the_server"),
    Threat("slow-greeting", _UNIX, _LOCAL, "opens connections and greets slowly or never",
           "agent.api.limits:ApiLimits.options", _SLOW + "test_who_does_not_greet_in_time_is_cut_off"),
    Threat("half-a-handshake", _TCP, _NETWORK, "stops half-way through many handshakes",
           "agent.api.limits:ApiLimits.options", _HOSTILE + "test_who_stops_half_way_through_a_handshake_is_cut_off"),
    Threat("header-bomb", _TCP, _CLIENT, "sends headers that grow when they are unpacked",
           "agent.api.limits:ApiLimits.options",
           _HOSTILE + "test_headers_that_grow_when_they_are_unpacked_are_refused"),
    Threat("machine-takes-places", _TCP, _NETWORK, "takes all places by connections of one machine",
           "agent.api.network:machine_of", _NETWORKED + "test_one_machine_cannot_take_the_places_of_the_others"),
    Threat("flood-of-refusals", _REQUEST, _CLIENT, "takes the time of the others by calls that are refused",
           "agent.api.allowance:Allowance.refused",
           _NETWORKED + "test_a_client_that_floods_is_not_read_while_others_are_answered"),
    Threat("flees-the-pause", _TCP, _CLIENT, "goes on with a flood on new connections",
           "agent.api.network:Network._held_to",
           _NETWORKED + "test_a_client_that_flees_to_a_new_connection_has_its_machine_wait_and_others_keep_theirs"),
)  # fmt: skip
