"""The recipes of the cookbook run as they stand, and gain what their tables say."""

from __future__ import annotations

import pytest

from cookbook import COOKBOOK, Recipe, recipes, run, with_table

RECIPES = recipes(COOKBOOK.read_text("utf-8"))
TOLERANCE = (0.3, 0.3, 0.005)  # dB, dB, STOI: other versions of BLAS and of the metrics

each = pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.title)


def test_there_are_twelve_recipes() -> None:
    assert [recipe.title.split(".")[0] for recipe in RECIPES] == [str(n) for n in range(1, 13)]


@each
def test_a_recipe_says_what_it_gains_and_when_to_leave_it(recipe: Recipe) -> None:
    assert "**Leave it**" in recipe.text
    damaged, repaired = recipe.table[:2]
    assert float(repaired[1]) >= float(damaged[1])
    assert float(repaired[2]) >= float(damaged[2])


def test_new_figures_replace_the_table_of_a_recipe() -> None:
    recipe = RECIPES[0]
    rows = [["`a.wav`", "1.0", "2.0", "0.500"]]
    assert Recipe(recipe.title, with_table(recipe, rows)).table == rows


@pytest.mark.slow
@each
def test_the_figures_of_a_recipe_are_measured_again(recipe: Recipe) -> None:
    rows = run(recipe)
    assert [row[0] for row in rows] == [row[0] for row in recipe.table]
    for row, known in zip(rows, recipe.table, strict=True):
        for value, old, tolerance in zip(row[1:], known[1:], TOLERANCE, strict=True):
            assert float(value) == pytest.approx(float(old), abs=tolerance)
