"""All that a study's results say, each part worked out once: what the report shows."""

from dataclasses import dataclass
from functools import cached_property

from hexplane.analysis import costs, novelty, overview, rates, runs, scores, seeds, sizes, sources
from hexplane.analysis.hypotheses import Verdict, judge
from hexplane.metrics.table import Metric
from hexplane.results import Columns, Results
from hexplane.settings.hypotheses import Hypothesis


@dataclass(frozen=True)
class Study:
    """Results, and what they say.

    Every part raises `UserError` when a file that it needs is missing or cannot be read.
    """

    results: Results

    @cached_property
    def columns(self) -> list[Metric]:
        """Metrics that have a column."""
        return scores.columns_of(self.results)

    @cached_property
    def decision(self) -> Metric | None:
        """The F-score that decides on failure."""
        return scores.decisive(self.columns)

    @cached_property
    def groups(self) -> list[scores.Group]:
        """Scores on held-out heads, on training heads, and on each other family."""
        return scores.groups(self.results, self.columns)

    @cached_property
    def histories(self) -> dict[str, Columns]:
        """Training history of each arm's first run."""
        return {arm: self.results.history(arm) for arm in self.results.arms}

    @cached_property
    def rows(self) -> list[runs.RunRow]:
        """The table of runs."""
        return runs.run_rows(self.results)

    @cached_property
    def seed_tables(self) -> list[seeds.SeedTable]:
        """Each arm over its seeds."""
        return seeds.seed_tables(self.rows)

    @cached_property
    def verdicts(self) -> list[Verdict]:
        """What came of each hypothesis."""
        chosen = self.results.settings.config.get("hypotheses", {})
        hypotheses = {name: Hypothesis.model_validate(own) for name, own in chosen.items()}
        return judge(hypotheses, self.rows, self.results.arms) if self.rows else []

    @cached_property
    def families(self) -> list[rates.Family]:
        """Arms and rivals over file sizes, where those were asked for."""
        return rates.families(self.results)

    @cached_property
    def drawn(self) -> list[novelty.Drawn]:
        """New heads of arms, where those were asked for."""
        return novelty.drawn(self.results)

    @cached_property
    def resolution(self) -> int:
        """Pixels along a view's side, as rendered."""
        return overview.resolution(self.results)

    @cached_property
    def sources(self) -> list[sources.Source]:
        """What had to be done to the meshes that came in."""
        return sources.sources(self.results)

    @cached_property
    def costs(self) -> list[costs.Cost]:
        """What each stage took."""
        return costs.stage_costs(self.results)

    @cached_property
    def sizes(self) -> list[sizes.Size]:
        """How large heads are, as meshes, views and latents."""
        return sizes.sizes(self.results)
