import pickle

import pytest

from cvm_async import CvmError, DatabaseLostError, PanelTakenError


@pytest.mark.parametrize(("kind", "word"), [(DatabaseLostError, "database_lost"), (PanelTakenError, "panel_taken")])
def test_each_error_is_one_of_ours_has_a_word_and_pickles(kind: type[CvmError], word: str) -> None:
    error = pickle.loads(pickle.dumps(kind("lost")))
    assert isinstance(error, CvmError)
    assert (type(error), str(error), error.kind) == (kind, "lost", word)
