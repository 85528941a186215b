"""The search finds better ladders than the first sample, within its bounds."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from agent.builder.accuracy import fit_accuracy, spearman
from agent.builder.arch import Arch, parse_arch
from agent.builder.candidates import Candidate, Candidates, NothingFits, Refusal, all_legal
from agent.builder.ladder import Found, LadderOptions, Rung, pareto
from agent.builder.plan import Net
from agent.builder.predict import LatencyLaw
from agent.builder.search import Genome, search_ladder
from agent.builder.supernet import Supernet, load_supernet
from tests.support.supernets import write_supernet


@pytest.fixture(scope="module")
def supernet(tmp_path_factory: pytest.TempPathFactory) -> Supernet:
    return load_supernet(write_supernet(tmp_path_factory.mktemp("net") / "s.safetensors"))


def _top1(candidate: Candidate) -> float:
    """Large kernels early and wide blocks late are worth more than their work: what a blind draw does not know."""
    arch = candidate.arch
    early = sum(k == 5 for k in arch.ks[:2]) + 2 * arch.d[2]
    wide = sum(e == 4 for e in arch.e[2:])
    return 0.4 + 0.05 * early + 0.02 * wide + 0.1 * (arch.r == 32)


def _search(supernet: Supernet, options: LadderOptions, refuses: Refusal = all_legal) -> Found:
    candidates = Candidates(supernet, LatencyLaw(), refuses)
    return search_ladder(candidates, _top1, options, lambda _line: None, lambda _phase, _done, _all: None)


def _options(**values: object) -> LadderOptions:
    return LadderOptions(method="nsga2", pool=80, **values)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def found(supernet: Supernet) -> Found:
    """By a search of 16 sub-nets."""
    return _search(supernet, _options(candidates=16))


def test_the_search_is_bounded_reproducible_and_tries_nothing_twice(supernet: Supernet, found: Found) -> None:
    assert len(found.tried) <= 16
    assert len({rung.candidate.arch for rung in found.tried}) == len(found.tried)
    assert found == _search(supernet, _options(candidates=16))
    assert found != _search(supernet, _options(candidates=16, seed=1))
    assert any("accuracy predictor" in note and "cross-validated" in note for note in found.notes)


def test_proposals_improve_on_the_first_sample(supernet: Supernet) -> None:
    found = _search(supernet, _options(candidates=24))
    first = pareto(found.tried[:12])

    def beats_the_sample(rung: Rung) -> bool:
        return all(r.top1 < rung.top1 for r in first if r.candidate.predicted_ms <= rung.candidate.predicted_ms)

    assert sum(beats_the_sample(rung) for rung in found.tried[12:]) >= 4


def test_the_ladder_rises_and_keeps_to_its_limits(supernet: Supernet, found: Found) -> None:
    limit = float(np.median([rung.candidate.predicted_ms for rung in found.rungs]))
    limited = _search(supernet, _options(candidates=16, max_latency_ms=limit, max_subnets=3))
    assert 1 <= len(limited.rungs) <= 3
    assert all(rung.candidate.predicted_ms <= limit for rung in limited.tried)
    scores = [rung.top1 for rung in limited.rungs]
    assert scores == sorted(set(scores))


def test_an_impossible_latency_is_answered_with_the_fastest_there_is(supernet: Supernet) -> None:
    fastest = Candidates(supernet, LatencyLaw()).pool(80, 0)[0]
    with pytest.raises(NothingFits) as caught:
        _search(supernet, _options(candidates=16, max_latency_ms=0.5))
    assert f"{fastest.predicted_ms:.1f} ms" in str(caught.value)
    assert fastest.arch.to_json() in str(caught.value)


def _only_small_kernels(arch: Arch, net: Net) -> str | None:
    return "kernels of 5" if 5 in arch.ks else None


def test_only_what_the_target_takes_is_tried(supernet: Supernet) -> None:
    found = _search(supernet, _options(candidates=16), _only_small_kernels)
    assert {k for rung in found.tried for k in rung.candidate.arch.ks} <= {0, 3}
    with pytest.raises(NothingFits, match="no sub-net of this supernet is legal there: never"):
        _search(supernet, _options(candidates=16), lambda arch, net: "never")


def test_time_ends_a_search_after_at_least_one_try(supernet: Supernet) -> None:
    found = _search(supernet, _options(candidates=16, seconds=1e-9))
    assert len(found.tried) == 1
    assert any("stopped after" in note for note in found.notes)


def test_one_architecture_has_one_name_whether_drawn_or_written_by_hand(supernet: Supernet) -> None:
    for candidate in Candidates(supernet, LatencyLaw()).pool(80, 0):
        arch = candidate.arch
        assert parse_arch(arch.to_json(), supernet.space).subnet_id() == arch.subnet_id()
        spelled = {"ks": arch.ks, "e": [float(e) for e in arch.e], "d": arch.d, "r": arch.r}
        assert parse_arch(json.dumps(spelled), supernet.space).subnet_id() == arch.subnet_id()


@pytest.mark.parametrize("family", ["mbv3", "proxyless", "resnet"])
def test_genes_of_every_family_are_read_back(shared_data: Path, family: str) -> None:
    supernet = load_supernet(shared_data / "ofa-oracle" / f"{family}_supernet.npz")
    genome = Genome(supernet.space)
    for candidate in Candidates(supernet, LatencyLaw()).pool(40, 3):
        assert genome.decode(genome.encode(candidate.arch)) == candidate.arch


def test_the_predictor_ranks_and_states_its_error(supernet: Supernet) -> None:
    pool = Candidates(supernet, LatencyLaw()).pool(80, 1)
    random = np.random.default_rng(0)
    order = random.permutation(len(pool))
    known, unseen = [pool[i] for i in order[:40]], [pool[i] for i in order[40:]]
    noise = random.normal(0, 0.01, len(known))
    model = fit_accuracy(known, [_top1(one) + float(e) for one, e in zip(known, noise, strict=True)], supernet.space)
    assert model is not None
    guesses = np.array([model.predict(one) for one in unseen])
    real = np.array([_top1(one) for one in unseen])
    assert spearman(guesses, real) > 0.9
    error = float(np.sqrt(np.mean((guesses - real) ** 2)))
    assert error < 0.04
    assert model.error == pytest.approx(error, rel=0.6)
    assert fit_accuracy(known[:7], [0.5] * 7, supernet.space) is None
