import numpy as np
import pytest

from graphsearch.engines.embedded.tiles import (
    SINGLE_THREAD_LIMIT,
    TILE_ROWS,
    TiledMatrix,
    safe_rows,
)

SHAPES = [(16, 96), (16, 262), (48, 16), (32, 128), (64, 160), (96, 262), (256, 96), (640, 256)]


@pytest.mark.parametrize(("inputs", "outputs"), SHAPES)
def test_a_product_is_right_and_stays_in_one_thread(inputs, outputs):
    draw = np.random.default_rng(0)
    weight = draw.standard_normal((inputs, outputs), dtype=np.float32)
    x = draw.standard_normal((3 * TILE_ROWS, inputs), dtype=np.float32)
    matrix = TiledMatrix.of(weight)
    np.testing.assert_allclose(matrix(x), x @ weight, rtol=1e-4, atol=1e-4)
    assert TILE_ROWS % matrix.rows == 0
    assert sum(panel.shape[1] for panel in matrix.panels) == outputs
    for panel in matrix.panels:
        assert matrix.rows * panel.size <= SINGLE_THREAD_LIMIT


@pytest.mark.parametrize(("inputs", "outputs"), SHAPES)
def test_a_row_does_not_know_its_place_or_its_neighbours(inputs, outputs):
    draw = np.random.default_rng(1)
    matrix = TiledMatrix.of(draw.standard_normal((inputs, outputs), dtype=np.float32))
    x = draw.standard_normal((4 * TILE_ROWS, inputs), dtype=np.float32)
    wanted = matrix(x)
    for _ in range(5):
        order = draw.permutation(len(x))
        assert np.array_equal(matrix(x[order]), wanted[order])
    some = np.zeros((TILE_ROWS, inputs), np.float32)
    some[5] = x[77]
    assert np.array_equal(matrix(some)[5], wanted[77])


def test_a_blas_that_treats_rows_differently_is_not_trusted(monkeypatch):
    matmul = np.matmul

    def moody(x, weight, **options):
        y = matmul(x, weight, **options)
        if x.shape[-2] > 4:  # the last row of a large tile comes out a little different
            y[..., -1, :] *= np.float32(1.0001)
        return y

    safe_rows.cache_clear()
    monkeypatch.setattr(np, "matmul", moody)
    try:
        assert safe_rows(16, 96) == 4
    finally:
        safe_rows.cache_clear()
