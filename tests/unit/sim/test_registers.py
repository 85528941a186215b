"""The device description and the register memory made of it."""

from __future__ import annotations

import pytest

from agent.sim.registers import RegisterBank, load_description


@pytest.fixture
def bank() -> RegisterBank:
    return RegisterBank(load_description("1905.4.103"))


def test_no_two_registers_of_a_port_overlap() -> None:
    description = load_description("1905.4.103")
    taken: dict[tuple[str, int], str] = {}
    for register in description.registers.values():
        values = [0] if register.index is None else description.entries[register.index].values()
        for value in values:
            start = register.address + value * register.offset
            for byte in range(start, start + max(register.length, 1)):
                holder = taken.setdefault((register.port, byte), register.name)
                assert holder == register.name, f"{register.name} lies on {holder}"


def test_enumeration_numbers_are_never_their_positions() -> None:
    # facts/firefly-dl.md section 7, item 1: the integer values are unknown, so counting must not work by luck.
    for name, entries in load_description("1905.4.103").entries.items():
        assert list(entries.values()) != list(range(len(entries))), name


def test_power_on_values_come_from_the_description(bank: RegisterBank) -> None:
    assert (bank.integer("Width"), bank.symbol("PixelFormat"), bank.real("ExposureTime")) == (1440, "Mono8", 5000.0)


def test_each_instance_of_a_selected_feature_has_its_own_register(bank: RegisterBank) -> None:
    bank.put("ChunkEnable", 1, "InferenceResult")
    assert bank.flag("ChunkEnable", "InferenceResult")
    assert not bank.flag("ChunkEnable", "InferenceConfidence")
    bank.put("ChunkSelector", "InferenceResult")
    assert bank.flag("ChunkEnable")


def test_texts_are_cut_to_the_register_and_end_at_the_first_zero(bank: RegisterBank) -> None:
    bank.put("DeviceUserID", "x" * 99)
    assert bank.text("DeviceUserID") == "x" * 32
    bank.put("DeviceUserID", "left")
    assert bank.text("DeviceUserID") == "left"


def test_a_snapshot_restores_writable_registers_and_skips_strange_ones(bank: RegisterBank) -> None:
    bank.put("Width", 640)
    snapshot = bank.snapshot()
    bank.load_defaults()
    bank.restore({**snapshot, "ffffffff": "00"})
    assert bank.integer("Width") == 640


def test_an_address_without_a_register_is_a_key_error(bank: RegisterBank) -> None:
    with pytest.raises(KeyError):
        bank.place(4)
