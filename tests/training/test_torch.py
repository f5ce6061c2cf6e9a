import json

import pytest

torch = pytest.importorskip("torch", reason="PyTorch: the train extra is not installed")

from graphsearch.engines.embedded.vocabulary import WORDS  # noqa: E402
from graphsearch.records.errors import FleetError  # noqa: E402
from training import train_fleet  # noqa: E402
from training.files import load_weights, read_card  # noqa: E402
from training.generate import generate  # noqa: E402
from training.mixture import Mixture  # noqa: E402
from training.model import SIZES, Cache, Llama  # noqa: E402
from training.optimiser import orthogonalise  # noqa: E402
from training.trainer import CHECKPOINT, Trainer  # noqa: E402

PLANNED = 60_000


@pytest.fixture(scope="module")
def mixture():
    return Mixture(0, only="recall")


def equal(first, second):
    pairs = zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def test_a_resumed_training_is_the_undisturbed_one(tmp_path, mixture):
    first = Trainer("nano", tmp_path, tokens=PLANNED, seed=0)
    for _ in range(4):
        first.step(mixture)
    first.save()
    second = Trainer("nano", tmp_path, tokens=PLANNED, seed=0)
    assert second.resume()
    for _ in range(4):
        first.step(mixture)
        second.step(mixture)
    assert equal(first.model, second.model)
    assert first.tokens == second.tokens


def test_a_checkpoint_of_another_training_is_not_taken_up(tmp_path, mixture):
    first = Trainer("nano", tmp_path, tokens=PLANNED, seed=0)
    first.step(mixture)
    first.save()
    assert not Trainer("nano", tmp_path, tokens=PLANNED, seed=1).resume()
    assert not Trainer("xs", tmp_path, tokens=PLANNED, seed=0).resume()
    assert not Trainer("nano", tmp_path, tokens=2 * PLANNED, seed=0).resume()


def test_a_finished_folder_holds_weights_card_and_tokenizer(tmp_path, mixture):
    trainer = Trainer("nano", tmp_path, tokens=PLANNED, seed=0)
    seen = []
    trainer.run(mixture, seen.append)
    assert [p.steps for p in seen] == list(range(1, trainer.steps + 1))
    card = read_card(tmp_path)
    assert card == trainer.card
    assert card.finished
    assert not (tmp_path / CHECKPOINT).exists()
    loaded = load_weights(Llama(SIZES["nano"]), tmp_path)
    for name, tensor in loaded.state_dict().items():
        assert torch.equal(tensor, trainer.model.state_dict()[name].half().float())
    vocabulary = json.loads((tmp_path / "tokenizer.json").read_text())["model"]["vocab"]
    assert list(vocabulary) == list(WORDS)
    train_fleet(["nano"], tmp_path.parent / "none", tokens=0)  # planned for nothing: ends at once


def test_an_unknown_size_is_refused(tmp_path):
    with pytest.raises(FleetError, match="size 'giant' is not one of nano, xs, s, m"):
        train_fleet(["giant"], tmp_path)


@pytest.mark.parametrize("size", SIZES)
def test_the_cache_changes_nothing(size):
    torch.manual_seed(0)
    model = Llama(SIZES[size])
    for parameter in model.parameters():  # zero-initialised outputs would hide a broken cache
        torch.nn.init.normal_(parameter, std=0.2)
    ids = torch.randint(len(WORDS), (3, 12))
    cache = Cache()
    parts = [model(ids[:, :8], cache), *(model(ids[:, i : i + 1], cache) for i in range(8, 12))]
    assert torch.allclose(model(ids), torch.cat(parts, dim=1), atol=1e-4)


def test_generation_ends_at_the_end_mark_and_is_seeded():
    torch.manual_seed(0)
    model = Llama(SIZES["nano"])
    prompts = ["S P 2 7 9 > 36 :", "S E s1 | A o2 :"]
    first = generate(model, prompts, temperature=1.0, seed=5)
    assert first == generate(model, prompts, temperature=1.0, seed=5)
    assert first != generate(model, prompts, temperature=1.0, seed=6)


def test_orthogonalised_matrices_have_singular_values_near_one():
    torch.manual_seed(0)
    values = torch.linalg.svdvals(orthogonalise(torch.randn(3, 16, 48)))
    assert values.min() > 0.5
    assert values.max() < 1.5
