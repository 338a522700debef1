"""An image's pixels clustered by depth: k-means in one dimension, split by split."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hexplane.reconstruction.outlines import Labels

CLOSE = 2.0
"""Pixels of depth by which a region's polygons may leave its pixels."""
FEW = 6
"""Pixels of a region that is none of its own, and pixels off that do not split one."""

Image = NDArray[np.float64]


def regions(clusters: Labels) -> Labels:
    """Connected parts of clusters [R, R], numbered from 1; small ones join a neighbour."""
    labels = np.zeros_like(clusters)
    for cluster in np.unique(clusters[clusters > 0]):
        parts, _ = ndimage.label(clusters == cluster)
        labels[parts > 0] = parts[parts > 0] + labels.max()
    sizes = np.bincount(labels.reshape(-1))
    boxes = ndimage.find_objects(labels)
    for label in np.flatnonzero(sizes < FEW):
        if label == 0 or sizes[label] == 0:
            continue
        rows, columns = (slice(max(0, own.start - 1), own.stop + 1) for own in boxes[label - 1])
        part = labels[rows, columns]
        around = part[ndimage.binary_dilation(part == label) & (part != label) & (part > 0)]
        if len(around):
            part[part == label] = np.bincount(around).argmax()
    return labels


def split(labels: Labels, depth: Image, steady: NDArray[np.bool_], error: Image) -> Labels | None:
    """Clusters with those split in two whose pixels are off; None where there is none to split.

    Args:
        labels: [R, R].
        depth: [R, R], pixels.
        steady: [R, R], pixels whose depth is that of a surface, not of the edge between two.
        error: [R, R], pixels of depth that each pixel is off.
    """
    off = np.bincount(labels[steady & (error > CLOSE)], minlength=labels.max() + 1)
    wrong = np.flatnonzero(off >= FEW)
    wrong = wrong[wrong > 0]
    if len(wrong) == 0:
        return None
    clusters, boxes = labels * 2, ndimage.find_objects(labels)
    for label in wrong:
        box = boxes[label - 1]
        own = labels[box] == label
        values = depth[box][own & steady[box]]
        if len(values):
            clusters[box][own & (depth[box] > _two_means(values))] += 1
    return clusters if (clusters % 2).any() else None


def _two_means(values: Image) -> float:
    """The value between two clusters of values, exact: k-means in one dimension, k = 2."""
    ordered = np.sort(values)
    if ordered[0] == ordered[-1]:
        return float(ordered[0])
    count = np.arange(1, len(ordered))
    total = np.cumsum(ordered)
    first, rest = total[:-1] / count, (total[-1] - total[:-1]) / (len(ordered) - count)
    between = count * (len(ordered) - count) * (rest - first) ** 2
    at = int(between.argmax())
    return float((ordered[at] + ordered[at + 1]) / 2)
