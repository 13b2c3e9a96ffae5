import numpy as np

from lift3d.geometry.sfm.pair_selection import select_pairs, vlad_similarity


def _ring(count: int, seed: int = 0) -> list[np.ndarray]:
    """Descriptors of photos on a ring: each shares two thirds of its words with its neighbours."""
    rng = np.random.default_rng(seed)
    words = rng.uniform(0, 255, (count * 20, 128)).astype(np.float32)
    return [
        words[np.arange(20 * k, 20 * k + 60) % len(words)] + rng.normal(size=(60, 128)) for k in range(count)
    ]


def test_few_photos_are_all_matched():
    pairs = select_pairs([np.zeros((0, 128), np.float32)] * 20)
    assert len(pairs) == 190 and (pairs[:, 0] < pairs[:, 1]).all()


def test_work_grows_with_the_number_of_photos_not_its_square():
    for ordered in (False, True):
        counts = [len(select_pairs(_ring(n), ordered, neighbours=10)) for n in (80, 160)]
        assert counts[1] < 2.6 * counts[0] and counts[1] < 160 * 18


def test_photos_that_look_alike_are_paired():
    pairs = {tuple(p) for p in select_pairs(_ring(80), neighbours=8).tolist()}
    assert sum((min(k, (k + 1) % 80), max(k, (k + 1) % 80)) in pairs for k in range(80)) >= 76


def test_a_video_is_paired_in_time_and_closes_its_loop():
    pairs = {tuple(p) for p in select_pairs(_ring(80), True, window=5).tolist()}
    assert all((k, k + s) in pairs for s in range(1, 6) for k in range(80 - s))
    assert (0, 79) in pairs


def test_same_seed_same_pairs():
    assert np.array_equal(select_pairs(_ring(70), seed=3), select_pairs(_ring(70), seed=3))


def test_photos_without_features_do_no_harm():
    ring = _ring(70)
    ring[5] = np.zeros((0, 128), np.float32)
    assert np.isfinite(vlad_similarity(ring, 0)).all()
    assert len(select_pairs(ring)) > 70
    assert np.isfinite(vlad_similarity([ring[5]] * 3, 0)).all()
