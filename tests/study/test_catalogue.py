"""What the catalogue says of data sets that are loaded."""

from infohorizon.study.catalogue import unlike


def test_another_number_of_questions_is_said():
    assert unlike("pope", 8910, None) == "8910 questions, where the data set that is usually published has 9000"
    assert unlike("pope", 9000, None) is None
    assert unlike("pope", 50, 50) is None  # a limit was asked for
    assert unlike("vqa", 12, None) is None  # a user's own data
