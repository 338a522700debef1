"""How the faces of a surface meet along their edges, worked out by one sort."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

Faces = NDArray[np.int64]


@dataclass(frozen=True)
class Edges:
    """The edges of a surface; side 3 f + i is the edge of face f from its corner i on.

    Attributes:
        faces: [F, 3].
        pairs: [P, 2], sides of the edges that two faces share.
        alone: sides of the edges that only one face has, in their order.
        most: most faces that share one edge.
    """

    faces: Faces
    pairs: Faces
    alone: NDArray[np.int64]
    most: int

    @property
    def closed(self) -> bool:
        """Whether each edge has two faces."""
        return 2 * len(self.pairs) == self.faces.size

    @cached_property
    def consistent(self) -> bool:
        """Whether two faces that share an edge run along it in opposite ways."""
        starts = self.faces.reshape(-1)[self.pairs]
        return bool((starts[:, 0] != starts[:, 1]).all())

    @property
    def may_be_doubled(self) -> bool:
        """Whether two faces may have the same three corners."""
        if self.most > 2:
            return True
        third = np.roll(self.faces, 1, axis=1).reshape(-1)[self.pairs]
        return bool((third[:, 0] == third[:, 1]).any())

    @property
    def rims(self) -> Faces:
        """Edges [R, 2] of one face only, each as that face runs along it."""
        following = np.roll(self.faces, -1, axis=1).reshape(-1)
        return np.stack([self.faces.reshape(-1)[self.alone], following[self.alone]], axis=1)

    @cached_property
    def labels(self) -> NDArray[np.int32]:
        """A number for each face [F], the same for faces that hang together by edges of two."""
        return _labels(self.pairs // 3, len(self.faces))

    @cached_property
    def components(self) -> int:
        """How many parts there are that share no vertex."""
        if self.labels.max() == 0:
            return 1
        used, corners = np.unique(self.faces, return_inverse=True)
        corners = corners.reshape(-1, 3)
        return int(_labels(corners[:, [0, 1, 1, 2]].reshape(-1, 2), len(used)).max()) + 1


def edges_of(faces: Faces) -> Edges:
    """The edges of faces [F, 3], of which there is one or more."""
    start, end = faces.reshape(-1), faces[:, [1, 2, 0]].reshape(-1)
    keys = np.minimum(start, end) * (int(faces.max()) + 1) + np.maximum(start, end)
    order = keys.argsort(kind="stable")
    keys = keys[order]
    first = np.flatnonzero(np.diff(keys, prepend=-1))
    count = np.diff(first, append=len(keys))
    two = first[count == 2]
    pairs = np.stack([order[two], order[two + 1]], axis=1)
    return Edges(faces, pairs, np.sort(order[first[count == 1]]), int(count.max()))


def _labels(links: Faces, nodes: int) -> NDArray[np.int32]:
    """The connected component of each node of a graph."""
    graph = coo_array((np.ones(len(links), dtype=bool), links.T), shape=(nodes, nodes))
    return np.asarray(connected_components(graph, directed=False)[1])
