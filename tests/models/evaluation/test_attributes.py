import numpy as np

from headcount.models.evaluation.attributes import predict


def test_outputs_of_all_batches_are_joined_in_order():
    crops = np.arange(300, dtype=np.uint8).repeat(4 * 4 * 3).reshape(300, 4, 4, 3)

    class Level:
        side = 4

        def describe(self, crops):
            return {"gender": crops[:, 0, 0, 0]}

    assert (predict(Level(), crops)["gender"] == np.arange(300) % 256).all()
