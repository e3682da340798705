import socket

import pytest

from local.ports import AUTO, DEFAULT_PORT_BASE, HOST, PORT_COUNT, PortError, Ports, environment_base, reserve


def test_ports_in_a_row_each_with_a_purpose():
    ports = Ports.of(9000)
    assert list(ports) == list(range(9000, 9000 + PORT_COUNT))
    assert (ports.base, ports.api, ports.firestore, ports.console) == (9000, 9000, 9001, 9014)
    assert ports.url("razorpay") == "http://127.0.0.1:9008"
    assert len(set(ports.purposes.values())) == PORT_COUNT


def test_base_comes_from_the_environment():
    assert environment_base({}) == str(DEFAULT_PORT_BASE)
    assert environment_base({"PORT_BASE": ""}) == str(DEFAULT_PORT_BASE)
    assert environment_base({"PORT_BASE": "9400"}) == "9400"


@pytest.mark.parametrize("value", ["", "http", "-1", "80", "65530", "8400.5"])
def test_unusable_base_is_refused(value: str):
    with pytest.raises(PortError, match="PORT_BASE must be a number"):
        Ports.parse(value)


def test_reserved_ports_can_be_taken_by_their_servers():
    reservation = reserve(AUTO)
    try:
        for port in list(reservation.ports)[:-1]:
            with socket.create_server((HOST, port)):
                pass
    finally:
        reservation.release()


def test_taken_port_is_named_with_its_purpose_and_the_way_out():
    reservation = reserve(AUTO)
    ports = reservation.ports
    # The guard is held meanwhile, so that no other stack takes these ports.
    with socket.create_server((HOST, ports.pubsub)), pytest.raises(PortError) as raised:
        reserve(ports.base)
    reservation.release()
    message = str(raised.value)
    assert f"{ports.pubsub} for the Pub/Sub emulator" in message
    assert "PORT_BASE moves all ports" in message
    assert str(ports.firestore) not in message


def test_two_stacks_never_get_the_same_ports():
    first = reserve(AUTO)
    second = reserve(AUTO)
    try:
        assert not set(first.ports) & set(second.ports)
        # Nothing listens yet, but the guard is held.
        with pytest.raises(PortError, match="guard"):
            reserve(first.ports.base)
    finally:
        first.release()
        second.release()
    reserve(first.ports.base).release()
