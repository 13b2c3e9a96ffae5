"""The sentence encoder: padding does not matter, order does, vectors have unit length."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from network_checks import without_gradient  # noqa: E402

from lift3d.nets import minilm  # noqa: E402
from lift3d.nets.minilm import BertLayer, SentenceEncoder  # noqa: E402


@pytest.fixture(scope="module")
def net() -> SentenceEncoder:
    """A small vocabulary and one layer: the sizes are constants of the module."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(minilm, "TOKENS", 50)
        patch.setattr(minilm, "LAYERS", 1)
        torch.manual_seed(0)
        return SentenceEncoder().eval()


def test_vectors_have_unit_length_and_every_weight_is_used(net: SentenceEncoder) -> None:
    x = net(torch.tensor([[3, 4, 5], [6, 7, 0]]))
    assert x.shape == (2, 384) and torch.allclose(x.norm(dim=1), torch.ones(2), atol=1e-5)
    idle = without_gradient(net, (x @ torch.randn(384)).sum())
    assert idle <= {"layers.0.key.bias"}, "softmax does not feel what is added to all keys"


def test_padding_changes_nothing(net: SentenceEncoder) -> None:
    short = torch.tensor([[3, 4, 5]])
    padded = torch.cat([short, torch.zeros(1, 4, dtype=torch.long)], 1)
    with torch.no_grad():
        assert torch.allclose(net(short), net(padded), atol=1e-5)


def test_the_order_of_words_matters_and_the_batch_does_not(net: SentenceEncoder) -> None:
    a, b = torch.tensor([[3, 4, 5]]), torch.tensor([[5, 4, 3]])
    with torch.no_grad():
        assert not torch.allclose(net(a), net(b), atol=1e-4)
        assert torch.allclose(net(torch.cat([a, b]))[0], net(a)[0], atol=1e-5)


def test_a_layer_agrees_with_torchs_own_encoder_layer() -> None:
    torch.manual_seed(1)
    own = BertLayer().eval()
    theirs = torch.nn.TransformerEncoderLayer(
        384, 12, minilm.INNER, activation="gelu", layer_norm_eps=minilm.EPSILON, batch_first=True
    ).eval()
    with torch.no_grad():
        theirs.self_attn.in_proj_weight.copy_(torch.cat([p.weight for p in (own.query, own.key, own.value)]))
        theirs.self_attn.in_proj_bias.copy_(torch.cat([p.bias for p in (own.query, own.key, own.value)]))
        for a, b in (
            (theirs.self_attn.out_proj, own.proj),
            (theirs.linear1, own.fc1),
            (theirs.linear2, own.fc2),
        ):
            a.load_state_dict(b.state_dict())
        x = torch.randn(2, 4, 384)
        present = torch.tensor([[True] * 4, [True, True, False, False]])
        expected = theirs(x, src_key_padding_mask=~present)
        got = own(x, present[:, None, None])
        assert torch.allclose(got[0], expected[0], atol=1e-4)
        assert torch.allclose(got[1, :2], expected[1, :2], atol=1e-4)
