import numpy as np
import pytest

from chainrule.arrays import times


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16, np.int64])
@pytest.mark.parametrize("shape", [(3, 4), (40, 50), (2, 1 << 18)])
def test_times_a_mask_has_the_bits_of_the_product(shape, dtype):
    rng = np.random.default_rng(0)
    numbers, mask = (10 * rng.normal(size=shape)).astype(dtype), rng.random(shape) < 0.5
    numbers[0, :3] = numbers[1, :3] = [0, 1, 2] if dtype is np.int64 else [np.nan, -0.0, 3]
    mask[0, :3], mask[1, :3] = True, False
    for given in (numbers, numbers[:, ::2], np.asfortranarray(numbers)):
        factors = mask[:, ::2] if given.shape != shape else mask
        product = times(given, factors)
        assert product.dtype == dtype
        np.testing.assert_array_equal(product, given * factors)
        np.testing.assert_array_equal(np.signbit(product), np.signbit(given * factors))
    assert times(numbers, mask[:1]).shape == shape
