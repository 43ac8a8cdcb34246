package file

import (
	"bytes"
	"fmt"
	"strings"
)

// image reads pictures.
func image(b []byte) (Type, bool) {
	w := window(b)
	switch {
	case prefix(b, "\x89PNG\r\n\x1a\n"):
		return Type{"image/png", pngText(w)}, true
	case prefix(b, "\xff\xd8\xff"):
		return Type{"image/jpeg", jpegText(w)}, true
	case prefix(b, "GIF87a"), prefix(b, "GIF89a"):
		return Type{"image/gif", fmt.Sprintf("GIF image data, version %s, %d x %d", b[3:6], w.le16(6), w.le16(8))}, true
	case prefix(b, "BM") && w.le32(14) < 256 && w.le32(14) >= 12 && w.le32(6) == 0:
		return Type{"image/bmp", bitmap(w)}, true
	case prefix(b, "\x00\x00\x01\x00") && w.le16(4) > 0 && w.le16(4) < 256 && w.u8(9) == 0 && (w.le16(10) < 2):
		return Type{"image/vnd.microsoft.icon", fmt.Sprintf("MS Windows icon resource - %d icon%s, %dx%d", w.le16(4), plural(w.le16(4)), size256(w.u8(6)), size256(w.u8(7)))}, true
	case prefix(b, "\x00\x00\x02\x00") && w.le16(4) > 0 && w.le16(4) < 256 && w.u8(9) == 0 && w.le32(14) > 40:
		return Type{"image/x-win-bitmap", fmt.Sprintf("MS Windows cursor resource - %d icon%s, %dx%d", w.le16(4), plural(w.le16(4)), size256(w.u8(6)), size256(w.u8(7)))}, true
	case prefix(b, "II*\x00"):
		return Type{"image/tiff", "TIFF image data, little-endian"}, true
	case prefix(b, "MM\x00*"):
		return Type{"image/tiff", "TIFF image data, big-endian"}, true
	case prefix(b, "\x00\x00\x00\x0cjP  \r\n\x87\n"):
		return Type{"image/jp2", "JPEG 2000 Part 1 (JP2)"}, true
	case prefix(b, "\x01\x00\x00\x00") && w.has(40, " EMF"):
		return Type{"image/emf", "Windows Enhanced Metafile (EMF) image data version 0x10000"}, true
	}
	return Type{}, false
}

func size256(n int) int {
	if n == 0 {
		return 256
	}
	return n
}

func pngText(w window) string {
	if !w.has(12, "IHDR") {
		return "PNG image data, CORRUPTED"
	}
	color := map[int]string{0: "grayscale", 2: "/color RGB", 3: " colormap", 4: " gray+alpha", 6: "/color RGBA"}[w.u8(25)]
	if w.u8(25) == 0 {
		color = " grayscale"
	}
	interlace := "non-interlaced"
	if w.u8(28) == 1 {
		interlace = "interlaced"
	}
	return fmt.Sprintf("PNG image data, %d x %d, %d-bit%s, %s", w.be32(16), w.be32(20), w.u8(24), color, interlace)
}

// jpegText walks the segments to the frame header (ITU-T T.81 annex B).
func jpegText(w window) string {
	var s strings.Builder
	s.WriteString("JPEG image data")
	if w.has(6, "JFIF\x00") {
		fmt.Fprintf(&s, ", JFIF standard %d.%02d", w.u8(11), w.u8(12))
	}
	at := 2
	for range 64 {
		if w.u8(at) != 0xff || at+4 > len(w) {
			break
		}
		kind, n := w.u8(at+1), w.be16(at+2)
		if kind == 0xe1 && w.has(at+4, "Exif\x00") {
			if w.has(6, "Exif\x00") {
				s.WriteString(", Exif standard")
			} else {
				s.WriteString(", Exif Standard")
			}
		}
		if kind >= 0xc0 && kind <= 0xcf && kind != 0xc4 && kind != 0xc8 && kind != 0xcc {
			if kind == 0xc2 {
				s.WriteString(", progressive")
			} else {
				s.WriteString(", baseline")
			}
			fmt.Fprintf(&s, ", precision %d, %dx%d, components %d", w.u8(at+4), w.be16(at+7), w.be16(at+5), w.u8(at+9))
			break
		}
		if n < 2 {
			break
		}
		at += 2 + n
	}
	return s.String()
}

func bitmap(w window) string {
	if w.le32(14) == 12 {
		return fmt.Sprintf("PC bitmap, OS/2 1.x format, %d x %d", w.le16(18), w.le16(20))
	}
	return fmt.Sprintf("PC bitmap, Windows 3.x format, %d x %d x %d", w.le32(18), int32(w.le32(22)), w.le16(28))
}

// media reads sound and video.
func media(b []byte) (Type, bool) {
	w := window(b)
	switch {
	case prefix(b, "RIFF"), prefix(b, "RIFX"):
		return riff(w), true
	case w.has(4, "ftyp"):
		return isoMedia(w), true
	case prefix(b, "ID3"):
		return Type{"audio/mpeg", fmt.Sprintf("Audio file with ID3 version 2.%d.%d", w.u8(3), w.u8(4))}, true
	case w.be16(0)&0xfffe == 0xfffa && w.u8(2)>>4 != 0 && w.u8(2)>>4 != 15 && w.u8(2)>>2&3 != 3:
		return Type{"audio/mpeg", "MPEG ADTS, layer III, v1"}, true
	case w.be16(0)&0xfffe == 0xfff2 && w.u8(2)>>4 != 0 && w.u8(2)>>4 != 15 && w.u8(2)>>2&3 != 3:
		return Type{"audio/mpeg", "MPEG ADTS, layer III, v2"}, true
	case w.be16(0)&0xfff6 == 0xfff0 && w.u8(2)>>2&15 < 13:
		return Type{"audio/x-hx-aac-adts", "MPEG ADTS, AAC"}, true
	case prefix(b, "OggS"):
		return Type{"application/ogg", "Ogg data"}, true
	case prefix(b, "fLaC"):
		return Type{"audio/flac", "FLAC audio bitstream data"}, true
	case prefix(b, "MThd"):
		return Type{"audio/midi", "Standard MIDI data"}, true
	case prefix(b, "\x1aE\xdf\xa3"):
		if bytes.Contains(b[:min(len(b), 128)], []byte("webm")) {
			return Type{"video/webm", "WebM"}, true
		}
		return Type{"video/x-matroska", "Matroska data"}, true
	case prefix(b, "FLV\x01"):
		return Type{"video/x-flv", "Macromedia Flash Video"}, true
	case prefix(b, "\x30\x26\xb2\x75\x8e\x66\xcf\x11"):
		return Type{"video/x-ms-asf", "Microsoft ASF"}, true
	case prefix(b, "\x00\x00\x01\xba"):
		return Type{"video/mpeg", "MPEG sequence, v2, program multiplex"}, true
	case prefix(b, "\x00\x00\x01\xb3"):
		return Type{"video/mpeg", "MPEG sequence"}, true
	case w.u8(0) == 0x47 && w.u8(188) == 0x47 && w.u8(376) == 0x47:
		return Type{"video/mp2t", "MPEG transport stream data"}, true
	case prefix(b, ".RMF\x00\x00\x00"):
		return Type{"application/vnd.rn-realmedia", "RealMedia file"}, true
	case prefix(b, "FWS"):
		return Type{"application/vnd.adobe.flash.movie", fmt.Sprintf("Macromedia Flash data, version %d", w.u8(3))}, true
	case prefix(b, "CWS"):
		return Type{"application/vnd.adobe.flash.movie", fmt.Sprintf("Macromedia Flash data (compressed), version %d", w.u8(3))}, true
	case prefix(b, "ZWS"):
		return Type{"application/vnd.adobe.flash.movie", fmt.Sprintf("Macromedia Flash data (lzma compressed), version %d", w.u8(3))}, true
	case prefix(b, "#!AMR"):
		return Type{"audio/AMR", "Adaptive Multi-Rate Codec (GSM telephony)"}, true
	}
	return Type{}, false
}

func riff(w window) Type {
	switch {
	case w.has(8, "WEBP"):
		return Type{"image/webp", "RIFF (little-endian) data, Web/P image"}
	case w.has(8, "AVI "):
		return Type{"video/x-msvideo", "RIFF (little-endian) data, AVI"}
	case w.has(8, "WAVE"):
		return Type{"audio/x-wav", "RIFF (little-endian) data, WAVE audio"}
	case w.has(8, "ACON"):
		return Type{"application/x-navi-animation", "RIFF (little-endian) data, animated cursor"}
	}
	return Type{"application/octet-stream", "RIFF (little-endian) data"}
}

// isoMedia reads the brand of an ISO base media file (ISO/IEC 14496-12 4.3).
func isoMedia(w window) Type {
	brand := ""
	if len(w) >= 12 {
		brand = string(w[8:12])
	}
	switch {
	case brand == "qt  ":
		return Type{"video/quicktime", "ISO Media, Apple QuickTime movie, Apple QuickTime (.MOV/QT)"}
	case strings.HasPrefix(brand, "M4A"):
		return Type{"audio/x-m4a", "ISO Media, Apple iTunes ALAC/AAC-LC (.M4A) Audio"}
	case strings.HasPrefix(brand, "M4V"):
		return Type{"video/x-m4v", "ISO Media, Apple iTunes Video (.M4V) Video"}
	case strings.HasPrefix(brand, "3gp"):
		return Type{"video/3gpp", "ISO Media, MPEG v4 system, 3GPP"}
	case brand == "avif" || brand == "avis":
		return Type{"image/avif", "ISO Media, AVIF Image"}
	case brand == "heic" || brand == "heix" || brand == "mif1":
		return Type{"image/heic", "ISO Media, HEIF Image HEVC Main or Main Still Picture Profile"}
	case strings.HasPrefix(brand, "iso") || strings.HasPrefix(brand, "mp4") || brand == "avc1":
		return Type{"video/mp4", "ISO Media, MP4 Base Media v1 [" + printable([]byte(brand)) + "]"}
	}
	return Type{"video/mp4", "ISO Media"}
}
