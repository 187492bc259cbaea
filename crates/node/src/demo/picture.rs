//! Pictures as the renderer writes them (binary PPM), put together and kept as PNG.

use std::io::Write;
use std::path::Path;

/// Pixels along one side of a picture; a larger header is refused before anything is allocated.
pub(crate) const SIDE_PIXELS_MAX: u32 = 16_384;
/// Bytes of one pixel: red, green, blue.
const PIXEL_BYTES: usize = 3;

/// A picture of `width` by `height` pixels, three bytes each, row by row from the top left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    width: u32,
    height: u32,
    pixels: Vec<u8>,
}

/// Why bytes are no picture, or pictures do not fit together.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum PictureError {
    /// The bytes do not start with a `P6` header of three numbers and the largest value 255.
    #[error("not a binary PPM picture with 255 levels")]
    Header,
    /// A side of zero pixels, or one past [`SIDE_PIXELS_MAX`].
    #[error("a picture of {width} x {height} pixels; each side must be 1 to {SIDE_PIXELS_MAX}")]
    Size {
        /// Pixels of a row.
        width: u64,
        /// Rows.
        height: u64,
    },
    /// Fewer or more bytes than the header announces.
    #[error("the header announces {expected} bytes of pixels, {found} follow")]
    Length {
        /// Bytes that should follow the header.
        expected: usize,
        /// Bytes that do.
        found: usize,
    },
    /// The number of tiles is not columns times rows.
    #[error("{found} tiles for a grid of {columns} x {rows}")]
    Count {
        /// Tiles of a row of the grid.
        columns: u32,
        /// Rows of the grid.
        rows: u32,
        /// Tiles given.
        found: usize,
    },
    /// A tile is not as high as its row, or not as wide as its column.
    #[error("tile {index} does not fit its place in the grid")]
    Misfit {
        /// Position of the tile, row by row.
        index: usize,
    },
}

impl Picture {
    /// Reads a binary PPM (`P6`) with 255 levels, as the renderer of the examples writes it.
    ///
    /// # Errors
    /// [`PictureError::Header`], [`PictureError::Size`] or [`PictureError::Length`].
    pub fn from_ppm(bytes: &[u8]) -> Result<Self, PictureError> {
        let mut rest = bytes.strip_prefix(b"P6").ok_or(PictureError::Header)?;
        let mut numbers = [0u64; 3];
        for number in &mut numbers {
            let digits_at =
                rest.iter().position(|byte| !byte.is_ascii_whitespace()).ok_or(PictureError::Header)?;
            if digits_at == 0 {
                return Err(PictureError::Header);
            }
            rest = &rest[digits_at..];
            let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let text = std::str::from_utf8(&rest[..digits]).map_err(|_| PictureError::Header)?;
            *number = text.parse().map_err(|_| PictureError::Header)?;
            rest = &rest[digits..];
        }
        let [width, height, levels] = numbers;
        let pixels = match rest.split_first() {
            Some((blank, pixels)) if blank.is_ascii_whitespace() && levels == 255 => pixels,
            _ => return Err(PictureError::Header),
        };
        let side = 1..=u64::from(SIDE_PIXELS_MAX);
        if !side.contains(&width) || !side.contains(&height) {
            return Err(PictureError::Size { width, height });
        }
        let (width, height) = (width as u32, height as u32); // both at most SIDE_PIXELS_MAX
        let expected = width as usize * height as usize * PIXEL_BYTES;
        if pixels.len() != expected {
            return Err(PictureError::Length { expected, found: pixels.len() });
        }
        Ok(Self { width, height, pixels: pixels.to_vec() })
    }

    /// Puts the tiles of a grid, given row by row, together into one picture.
    ///
    /// # Errors
    /// [`PictureError::Count`] or [`PictureError::Misfit`].
    pub fn from_tiles(columns: u32, rows: u32, tiles: &[Self]) -> Result<Self, PictureError> {
        if columns == 0 || rows == 0 || tiles.len() != columns as usize * rows as usize {
            return Err(PictureError::Count { columns, rows, found: tiles.len() });
        }
        let grid: Vec<&[Self]> = tiles.chunks(columns as usize).collect();
        let width: u32 = grid[0].iter().map(|tile| tile.width).sum();
        let height: u32 = grid.iter().map(|row| row[0].height).sum();
        let mut pixels = Vec::with_capacity(width as usize * height as usize * PIXEL_BYTES);
        for (row_index, row) in grid.iter().enumerate() {
            for (column, tile) in row.iter().enumerate() {
                if tile.height != row[0].height || tile.width != grid[0][column].width {
                    return Err(PictureError::Misfit { index: row_index * columns as usize + column });
                }
            }
            for line in 0..row[0].height as usize {
                for tile in *row {
                    let bytes = tile.width as usize * PIXEL_BYTES;
                    pixels.extend_from_slice(&tile.pixels[line * bytes..(line + 1) * bytes]);
                }
            }
        }
        assert_eq!(pixels.len(), width as usize * height as usize * PIXEL_BYTES, "tiles cover the picture");
        Ok(Self { width, height, pixels })
    }

    /// Pixels of a row and number of rows.
    #[must_use]
    pub fn size(&self) -> (u32, u32) {
        (self.width, self.height)
    }

    /// Writes the picture as a PNG file, replacing what is there.
    ///
    /// # Errors
    /// What the file system says.
    pub fn write_png(&self, path: &Path) -> std::io::Result<()> {
        let mut file = std::io::BufWriter::new(std::fs::File::create(path)?);
        let mut encoder = png::Encoder::new(&mut file, self.width, self.height);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        let mut writer = encoder.write_header().map_err(std::io::Error::other)?;
        writer.write_image_data(&self.pixels).map_err(std::io::Error::other)?;
        writer.finish().map_err(std::io::Error::other)?;
        file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(width: u32, height: u32, level: u8) -> Picture {
        Picture { width, height, pixels: vec![level; width as usize * height as usize * PIXEL_BYTES] }
    }

    #[test]
    fn hostile_headers_are_refused_by_name() {
        for (bytes, error) in [
            (&b"P5 1 1 255\n\0\0\0"[..], PictureError::Header),
            (b"P6 1 1 65535\n\0\0\0", PictureError::Header),
            (b"P6 1 -1 255\n\0\0\0", PictureError::Header),
            (b"P6 99999999999999999999 1 255\n", PictureError::Header),
            (b"P61 1 255\n\0\0\0", PictureError::Header),
            (b"P6", PictureError::Header),
            (b"P6 0 1 255\n", PictureError::Size { width: 0, height: 1 }),
            (b"P6 1 4294967295 255\n", PictureError::Size { width: 1, height: 4_294_967_295 }),
            (b"P6 1 1 255\n\0\0", PictureError::Length { expected: 3, found: 2 }),
            (b"P6 1 1 255\n\0\0\0\0", PictureError::Length { expected: 3, found: 4 }),
        ] {
            assert_eq!(Picture::from_ppm(bytes), Err(error), "{:?}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn tiles_meet_row_by_row() {
        let tiles = [plain(2, 1, 1), plain(1, 1, 2), plain(2, 2, 3), plain(1, 2, 4)];

        let whole = Picture::from_tiles(2, 2, &tiles).expect("tiles fit");

        assert_eq!(whole.size(), (3, 3));
        let levels: Vec<u8> = whole.pixels.iter().step_by(PIXEL_BYTES).copied().collect();
        assert_eq!(levels, [1, 1, 2, 3, 3, 4, 3, 3, 4]);
    }

    #[test]
    fn tiles_that_do_not_fit_are_named() {
        let tiles = [plain(2, 1, 1), plain(1, 2, 2)];
        assert_eq!(Picture::from_tiles(2, 1, &tiles), Err(PictureError::Misfit { index: 1 }));
        assert_eq!(
            Picture::from_tiles(2, 2, &tiles),
            Err(PictureError::Count { columns: 2, rows: 2, found: 2 })
        );
    }
}
