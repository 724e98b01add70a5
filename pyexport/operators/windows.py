"""How windows lie on an axis: kernel, stride, padding and dilation, for convolution and pooling."""

from __future__ import annotations

from dataclasses import dataclass

from pyexport.operators.base import require


@dataclass(frozen=True)
class Windows:
    """Windows along height and width; every pair is (height, width)."""

    kernel: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    pad: tuple[int, int, int, int] = (0, 0, 0, 0)  # top, left, bottom, right
    dilation: tuple[int, int] = (1, 1)
    ceil: bool = False  # a last window may reach over the end, if it starts before it

    def __post_init__(self) -> None:
        for name in ("kernel", "stride", "dilation"):
            require(all(n >= 1 for n in getattr(self, name)), f"windows: a {name} below 1")
        require(all(n >= 0 for n in self.pad), "windows: a negative padding; use a slice")

    def output_size(self, height: int, width: int) -> tuple[int, int]:
        """Return how many windows there are on each axis; raises ValueError if none fits."""
        sizes = (self._count(height, 0), self._count(width, 1))
        require(min(sizes) >= 1, f"windows: none fits into {height}x{width}")
        return sizes

    def extent(self, axis: int) -> int:
        """Return the distance from a window's first element to behind its last."""
        return (self.kernel[axis] - 1) * self.dilation[axis] + 1

    def overhang(self, size: int, axis: int) -> int:
        """Return how many elements the last window has behind the padded end (`ceil` only)."""
        end = (self._count(size, axis) - 1) * self.stride[axis] + self.extent(axis)
        return max(0, end - self._padded(size, axis))

    def see_input(self, size: int, axis: int) -> bool:
        """Return whether every window holds an element of the input, not only padding."""
        offsets = range(0, self.extent(axis), self.dilation[axis])
        starts = (i * self.stride[axis] - self.pad[axis] for i in range(self._count(size, axis)))
        return all(any(0 <= start + offset < size for offset in offsets) for start in starts)

    def _padded(self, size: int, axis: int) -> int:
        return self.pad[axis] + size + self.pad[axis + 2]

    def _count(self, size: int, axis: int) -> int:
        room = self._padded(size, axis) - self.extent(axis)
        stride = self.stride[axis]
        if not self.ceil:
            return room // stride + 1 if room >= 0 else 0
        count = -(-room // stride) + 1
        return count - 1 if (count - 1) * stride >= size + self.pad[axis] else count
