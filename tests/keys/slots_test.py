"""Tests of the table of optimizers."""

import pytest

from estimator_ckpt.keys import slots


@pytest.mark.parametrize('optimizer', slots.OPTIMIZERS, ids=lambda optimizer: optimizer.family)
class TestTable:
    def test_the_slots_of_tf1_are_those_of_the_object_and_back(self, optimizer):
        endings = optimizer.tf1_endings()
        names = {ending: slots.object_slot_name(ending, endings.values()) for ending in endings.values()}
        assert list(names.values()) == [slot.tf1 for slot in optimizer.tf1_slots()]
        assert {name: slots.tf1_ending(name, names.values()) for name in names.values()} == {
            name: ending for ending, name in names.items()
        }

    def test_every_name_of_a_slot_has_its_role_under_every_name_of_the_optimizer(self, optimizer):
        for slot in optimizer.slots:
            names = {slot.role, slot.tf1, slot.keras_2, slot.keras_3, slot.bert} - {''}
            for name in names:
                of_tf1 = [optimizer.tf1_name] if optimizer.tf1_name else []
                for optimizer_name in (optimizer.family, *of_tf1, *optimizer.further_names):
                    state = slots.slot_state(optimizer_name, name, names, False)
                    assert (state.family, state.role) == (optimizer.family, slot.role)

    def test_the_slots_tell_the_family_under_the_names_of_tf1_and_of_keras_2(self, optimizer):
        for names in zip(*((s.role, s.tf1 or s.role, s.keras_2) for s in optimizer.slots), strict=True):
            # Legacy Adamax and all Nadams have the slots of Adam, which is taken unless a name says something else.
            others = {'adamax': {('m', 'u')}, 'nadam': set()}.get(optimizer.family)
            is_its_own = others is None or tuple(names) in others
            assert slots.guess_family(names) == (optimizer.family if is_its_own else 'adam')

    def test_its_scalars_are_known(self, optimizer):
        assert {*optimizer.scalars, *optimizer.scoped_scalars} <= {
            *slots.SCALARS,
            *slots.SCOPED_SCALARS.get(optimizer.keras_name, ()),
        }


def test_a_third_slot_tells_a_centered_rmsprop():
    endings = ['RMSProp', 'RMSProp_1', 'RMSProp_2']
    assert [slots.object_slot_name(ending, endings) for ending in endings] == ['rms', 'mg', 'momentum']
    assert [slots.slot_state('RMSProp', ending, endings, True).role for ending in endings] == [
        'rms',
        'mg',
        'momentum',
    ]
    assert slots.object_slot_name('RMSProp_1', endings[:2]) == 'momentum'


@pytest.mark.parametrize('ending', ['Adam_2', 'LAMB', 'lamb_m', 'kernel', ''])
def test_other_endings_have_no_name_in_an_object(ending):
    assert slots.object_slot_name(ending, [ending]) is None


@pytest.mark.parametrize('ending', ['Adam', 'Adam_7', 'adam_v', 'Ftrl_1'])
def test_endings_of_known_optimizers_are_recognized(ending):
    assert slots.is_tf1_ending(ending)


@pytest.mark.parametrize('ending', ['LAMB', 'lamb_m', 'adam', 'kernel', 'm', ''])
def test_other_endings_are_not(ending):
    assert not slots.is_tf1_ending(ending)
